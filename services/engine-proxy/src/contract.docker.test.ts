import { backendContract } from '@nora/worker/backends/backend-contract'
import { dockerFixture } from '@nora/worker/backends/docker/testing/docker-fixture'
import { throughProxy } from './testing/through-proxy.ts'

// The same suite as without it: the proxy takes nothing away that the worker needs.
backendContract('Docker behind its proxy', () => dockerFixture(throughProxy))
