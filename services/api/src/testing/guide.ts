import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import type { Answer } from './client.ts'
import type { TestApi } from './test-api.ts'

/** A page of docs whose commands are sent. */
export type Guide = {
  /** What the page calls `$NAME`. */
  named: Record<string, string>
  /** Sends every command, each of which must succeed; gives how many there were. */
  run: (onAnswer: (answer: Answer) => void | Promise<void>) => Promise<number>
}

/** Reads the `sh` blocks of a page of docs as a shell would, as far as they need it: `NAME=value`, and curl. */
export async function guide(api: TestApi, name: string): Promise<Guide> {
  const page = new URL(`../../../../docs/${name}`, import.meta.url)
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  const lines = blocks.flatMap((block) =>
    block[1]!
      .replaceAll(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  )
  const named: Record<string, string> = {}
  const expand = (text: string) =>
    text.replace(/\$(\w+)/g, (_, called: string) => named[called] ?? `(nobody said what $${called} is)`)
  /** Words with quotes: nothing is expanded between single ones. */
  const wordsOf = (line: string) =>
    [...line.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|(\S+)/g)].map(
      ([, plain, quoted, bare]) => plain ?? expand((quoted ?? bare)!.replaceAll('\\"', '"')),
    )
  return {
    named,
    async run(onAnswer) {
      let count = 0
      for (const line of lines) {
        const assigned = /^([A-Z]+)=(.*)$/.exec(line)
        if (assigned) {
          named[assigned[1]!] = assigned[1] === 'NORA' ? api.url : wordsOf(assigned[2]!)[0]!
          continue
        }
        const [program, ...words] = wordsOf(line)
        expect(program, line).toBe('curl')
        const answer = await curl(api, words)
        expect(answer.status, `${line}\n${answer.text}`).toBeLessThan(300)
        count++
        await onAnswer(answer)
      }
      return count
    },
  }
}

function curl(api: TestApi, words: string[]): Promise<Answer> {
  const headers: Record<string, string> = {}
  let [method, url, body] = ['GET', '', undefined as string | undefined]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-X') method = words.shift()!
    else if (word === '-d') body = words.shift()!
    else if (word === '-H') {
      const [, name, value] = /^([^:]+): (.*)$/.exec(words.shift()!)!
      headers[name!.toLowerCase()] = value!
    } else if (!/^-[sN]$/.test(word)) url = word
  }
  const options = { headers, ...(body !== undefined && { raw: body }) }
  return api.anonymous.request(method, url.slice(api.url.length), options)
}
