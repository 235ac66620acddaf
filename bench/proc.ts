import { readFile } from 'node:fs/promises'

/** Resident memory of a process in MB (2^20), as the kernel counts it now. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

/** The only child of a process: the program behind a container's init. */
export async function onlyChild(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  if (children.length !== 1 || !children[0])
    throw new Error(`${pid} has ${children.length} children, not one`)
  return Number(children[0])
}
