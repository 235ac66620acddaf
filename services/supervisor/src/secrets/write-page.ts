import { readFileSync, writeFileSync } from 'node:fs'
import { secretsPage } from './page.ts'

const path = new URL('../../../../docs/secrets.md', import.meta.url)
writeFileSync(path, secretsPage(readFileSync(path, 'utf8')))
