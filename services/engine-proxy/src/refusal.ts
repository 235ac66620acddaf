/** A call that goes no further: what the caller is told, and with which status. */
export class Refusal extends Error {
  readonly status: number

  constructor(message: string, status = 403) {
    super(message)
    this.name = 'Refusal'
    this.status = status
  }
}
