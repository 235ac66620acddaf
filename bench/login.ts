import { makePassword, provePassword } from '@nora/crypto/passwords'
import { apiUnderTest } from './api-under-test.ts'
import { type Bench, median } from './bench.ts'

export const login: Bench = {
  name: 'login',
  about: 'CPU of POST /api/auth/login against that of one argon2id with the same parameters',
  deadlineMs: 180_000,
  async run({ services, signal, quick }) {
    const database = await services.database()
    const api = await apiUnderTest(services, database, signal)
    const { email, password } = api
    const body = JSON.stringify({ email, password, transport: 'cookie' })
    const headers = { 'content-type': 'application/json', origin: api.url }
    // /proc counts in steps of 10 ms: ten at a time make that a hundredth.
    const each = 10
    const ours = async () => {
      const before = await api.process.cpuMs()
      for (let n = 0; n < each; n++) {
        const answer = await fetch(`${api.url}/api/auth/login`, { method: 'POST', headers, body, signal })
        if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status}`)
        await answer.arrayBuffer()
      }
      return ((await api.process.cpuMs()) - before) / each
    }
    const { salt } = await makePassword(password)
    const hash = async () => {
      const before = process.cpuUsage()
      for (let n = 0; n < each; n++) await provePassword(salt, password)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000 / each
    }
    await ours()
    await hash()
    const turns = quick ? 3 : 11
    const pairs: { ours: number; hash: number }[] = []
    for (let n = 0; n < turns; n++) pairs.push({ ours: await ours(), hash: await hash() })
    return [
      {
        name: 'POST login',
        unit: 'ms CPU',
        ours: median(pairs.map((pair) => pair.ours)),
        yardstick: median(pairs.map((pair) => pair.hash)),
        ratio: median(pairs.map((pair) => pair.ours / pair.hash)),
        goal: { atMost: 1.15 },
        runs: turns,
      },
    ]
  },
}
