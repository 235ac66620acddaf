import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

export const passphraseQuestion = 'Passphrase of the encryption key: '

/** Asks on the terminal, showing nothing of what is typed. Throws when there is no terminal, or on Ctrl-C. */
export async function askPassphrase(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new Error(
      'there is no terminal to ask for the passphrase: name a file of mode 0600 that holds it (docs/secrets.md)',
    )
  }
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const asked = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // Only now, as the terminal no longer shows what is typed.
  process.stderr.write(question)
  try {
    return await new Promise<string>((resolve, reject) => {
      asked.once('close', () => reject(new Error('interrupted')))
      asked.question('').then(resolve, reject)
    })
  } finally {
    asked.close()
    process.stderr.write('\n')
  }
}

/** Twice the same, for a passphrase that is new. */
export async function askNewPassphrase(): Promise<string> {
  const first = await askPassphrase('New passphrase of the encryption key (at least 12 characters): ')
  if (first !== (await askPassphrase('The same again: ')))
    throw new Error('the two differ: nothing was changed')
  return first
}

/** The passphrase as whoever started this process writes it to our standard input, ended by a line's end or by closing. */
export async function receivePassphrase(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
