import AjvCompiler from '@fastify/ajv-compiler'

// What Fastify really passes; the package's own types describe the function inside.
type Compile = (route: { schema: unknown; httpPart?: string }) => unknown

const factory = AjvCompiler()
// One error at a time: collecting all of them is work that a caller could order (Ajv, "Security risks: allErrors").
const common = { removeAdditional: false, useDefaults: true, allErrors: false, strictTypes: false } as const

/**
 * Bodies are JSON and say their types: nothing is coerced. Query, path and headers are text: "50" may be a number.
 * Unknown fields are never removed, so that they are refused.
 */
export const validatorFactory: AjvCompiler.BuildCompilerFromPool = (externalSchemas) => {
  const strict = compileWith(externalSchemas, false)
  const lenient = compileWith(externalSchemas, true)
  const compile: Compile = (route) => (route.httpPart === 'body' ? strict(route) : lenient(route))
  return compile as unknown as ReturnType<AjvCompiler.BuildCompilerFromPool>
}

function compileWith(
  externalSchemas: Parameters<AjvCompiler.BuildCompilerFromPool>[0],
  coerceTypes: boolean,
): Compile {
  return factory(externalSchemas, { customOptions: { ...common, coerceTypes } }) as unknown as Compile
}
