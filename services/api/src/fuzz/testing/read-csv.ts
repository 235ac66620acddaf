/** The fields of one record of RFC 4180 whose fields are all quoted. Throws when it is not exactly one. */
export function readFieldsOfCsv(record: string): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"(,|\r\n)/.exec(record.slice(at))
    if (!quoted) throw new Error(`not a quoted field at ${at}`)
    fields.push(quoted[1]!.replaceAll('""', '"'))
    at += quoted[0].length
    if (quoted[2] === '\r\n') break
  }
  if (at !== record.length) throw new Error('more than one record')
  return fields
}
