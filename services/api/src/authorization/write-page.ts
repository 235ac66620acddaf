import { writeFileSync } from 'node:fs'
import { authorizationPage } from './page.ts'

writeFileSync(new URL('../../../../docs/authorization.md', import.meta.url), authorizationPage())
