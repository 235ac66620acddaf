import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import type { BenchServices } from './services.ts'

type Docker = ReturnType<BenchServices['docker']>

/** Where the program looks for what to print: an agent's own folder of keys, which is memory of this machine. */
export const goFolder = '/run/nora'

// Whoever measures writes up to which line to print; a line is its number and filler, 100 bytes with its end.
const script = `until [ -p ${goFolder}/go ]; do sleep 0.05; done
exec 3<${goFolder}/go
n=1
while read -r to <&3; do seq -f "%010.0f ${'x'.repeat(88)}" $n $to; n=$((to+1)); done`

/** The image of a program that prints numbered lines of 100 bytes, as many as it is told, through a pipe. */
export async function producerImage(docker: Docker): Promise<string> {
  const image = await assembleTinyImage(docker, {
    name: 'bench-lines',
    files: { '/bin/lines': `#!/bin/sh\n${script}\n` },
    cmd: ['/bin/sh', '/bin/lines'],
  })
  return image.reference
}

/** The other end of the program's pipe: `upTo` lets it print on. */
export type Valve = { upTo(line: number): void; close(): void }

/** Makes the pipe in the folder of this machine that the program sees as `goFolder`. */
export function openValve(folder: string): Valve {
  const path = join(folder, 'go')
  execFileSync('mkfifo', ['--mode=644', path])
  // For reading too, so that opening does not wait for the program.
  const pipe = openSync(path, constants.O_RDWR)
  return {
    // At once: of two writes under way the second could come first.
    upTo: (line) => void writeSync(pipe, `${line}\n`),
    close: () => closeSync(pipe),
  }
}
