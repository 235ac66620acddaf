import { backendContract } from '../backend-contract.ts'
import { dockerFixture } from './testing/docker-fixture.ts'

backendContract('Docker', dockerFixture)
