import type { components } from './schema.ts'

export type ProblemDocument = components['schemas']['Problem'] & Record<string, unknown>

/** A refusal or failure of the api (RFC 9457), or of the way there: then `code` is `network` and the status 0. */
export class ApiProblem extends Error {
  readonly problem: ProblemDocument

  constructor(problem: ProblemDocument) {
    super(problem.title)
    this.name = 'ApiProblem'
    this.problem = problem
  }

  get code(): string {
    return this.problem.code
  }

  get status(): number {
    return this.problem.status
  }

  get correlationId(): string | undefined {
    return this.problem.correlationId || undefined
  }

  /** What is wrong with single fields, by their JSON pointers (`/secret/apiKey`). */
  get fields(): { path: string; message: string }[] {
    return this.problem.errors ?? []
  }
}

/**
 * The refusal that asked for something of the person, who chose not to give it: they know, so nobody tells them. `ProblemAlert`
 * and `failed` of the pages show nothing for it.
 */
export class CancelledProblem extends ApiProblem {}

/** The problem of an answer that is none of the api's, or of no answer at all. */
export function problemWithout(status: number, correlationId = ''): ProblemDocument {
  return {
    type: `urn:nora:problem:${status === 0 ? 'network' : 'unreadable'}`,
    title: status === 0 ? 'The server did not answer' : 'The server answered with something unexpected',
    status,
    code: status === 0 ? 'network' : 'unreadable',
    correlationId,
  }
}
