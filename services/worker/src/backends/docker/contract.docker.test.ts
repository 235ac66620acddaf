import { backendContract } from '../backend-contract.ts'
import { dockerFixture } from './docker-backend.fixture.ts'

backendContract('Docker', dockerFixture)
