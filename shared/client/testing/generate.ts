import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { withDescribedApi } from '@nora/api/testing/described-api'
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript'

const header = `// Written by \`npm run client:generate\` from the api's own description (GET /api/openapi.json); do not edit.

`

/** The types of every call of the api, as the text of a TypeScript file. */
export async function generatedSchema(): Promise<string> {
  const described = await withDescribedApi((app) => app.swagger())
  // Through text: what travels is what callers see.
  const document = JSON.parse(JSON.stringify(described)) as OpenAPI3
  return header + astToString(await openapiTS(document, { alphabetize: false, immutable: false }))
}

/** Where it stands in the repository. */
export const schemaFile = fileURLToPath(new URL('../src/schema.ts', import.meta.url))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(schemaFile, await generatedSchema())
  process.exit(0)
}
