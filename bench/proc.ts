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

// USER_HZ is 100 on every Linux that Node runs on; /proc counts in it.
const msPerTick = 10

/** CPU milliseconds that a process has used so far: user and system, all of its threads, in steps of 10. */
export async function cpuMs(pid: number): Promise<number> {
  // After the name, which may hold spaces: state is field 3, utime 14, stime 15 (proc_pid_stat(5)).
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

/** Ticks that all cores together were busy, and that went by, since the machine started (proc_stat(5)). */
export async function machineTicks(): Promise<{ busy: number; all: number }> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n', 1)
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((sum, n) => sum + n, 0)
  const [, , , idle = 0, waiting = 0] = ticks
  return { busy: all - idle - waiting, all }
}
