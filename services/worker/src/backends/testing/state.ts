import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import type { ContractFixture } from '../backend-contract.ts'
import { allFrames, deploy, ended, removeAll, runScript, soon, textOf } from './agent.ts'

const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })
const file = (name: string, text: string) => ({ name, content: Buffer.from(text) })

/** What an agent keeps, and what it is given in secret. */
export function stateContract(use: () => ContractFixture): void {
  describe('state and secrets', () => {
    test('the state outlives the container and goes with removeStorage', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh('cat /state/count 2>/dev/null; echo x >> /state/count'))
      const once = async (of = target) => {
        const { containerId } = await deploy(backend, of)
        const output = textOf(await allFrames(backend, containerId))
        await ended(backend, of)
        await backend.removeContainer(of, soon())
        return output
      }
      try {
        expect(await once()).toBe('')
        expect(await once()).toBe('x\n')
        await backend.removeStorage({ ...target, keepData: true }, soon())
        expect(await once({ ...target, generation: 2, specHash: 'next' })).toBe('x\nx\n')
        await backend.removeStorage(target, soon())
        expect(await once()).toBe('')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a full disk stops the agent that filled it, where the limit is enforced', async () => {
      const script =
        'dd if=/dev/zero of=/state/fill bs=65536 count=1000 2>/dev/null && echo all; stat -c %s /state/fill'
      const resources = { cpus: 1, memoryMb: 64, diskMb: 24, pids: 32 }
      const { output, diskEnforced } = await runScript(use(), script, { resources })
      if (!diskEnforced) return expect(output).toContain('all')
      expect(output).not.toContain('all')
      expect(Number(output.trim())).toBeGreaterThan(8 * 1024 * 1024)
      expect(Number(output.trim())).toBeLessThanOrEqual(24 * 1024 * 1024)
    })

    test('without a state path there is nothing to keep', async () => {
      const { backend, target: newTarget } = use()
      const { statePath: _, ...target } = newTarget(sh('(: > /state/x) || echo shut; ls /'))
      try {
        const { containerId, diskEnforced } = await deploy(backend, target)
        expect(diskEnforced).toBe(true)
        expect((await backend.observe(target, soon())).storage).toBe('present')
        expect(textOf(await allFrames(backend, containerId))).toContain('shut')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('secret files are the agent’s alone, 0400, in memory, and cannot be changed by it', async () => {
      const script =
        'stat -c "%a %u %g %n" /run/nora/*; cat /run/nora/keys.json; (: > /run/nora/keys.json) 2>/dev/null || echo shut; ' +
        'rm /run/nora/keys.json 2>/dev/null || echo kept; cat /proc/mounts'
      const files = [file('keys.json', '{"keys":[]}\n'), file('openai', 'sk-1')]
      const { output } = await runScript(use(), script, {}, files)
      expect(output).toContain('400 10001 10001 /run/nora/keys.json\n400 10001 10001 /run/nora/openai\n')
      expect(output).toContain('{"keys":[]}\nshut\nkept\n')
      expect(output).toMatch(/^\S+ \/run\/nora (tmpfs|ramfs) /m)
    })

    test('new files replace the old ones under a running program; files not named go', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(
        sh(
          'while [ ! -e /run/nora/done ]; do cat /run/nora/a /run/nora/b 2>/dev/null; sleep 0.05; done; ls /run/nora',
        ),
      )
      try {
        const { containerId } = await deploy(backend, target, [file('a', 'a1\n'), file('b', 'b1\n')])
        const printed = async () => (await backend.lastWords(containerId, soon())).join(' ')
        await waitUntil('the first files', async () => /a1 b1/.test(await printed()))
        await backend.writeSecrets(target, [file('a', 'a2\n')], soon())
        await waitUntil('the second files', async () => /a2 a2/.test(await printed()))
        await backend.writeSecrets(target, [file('done', '')], soon())
        const output = textOf(await allFrames(backend, containerId))
        expect(output.endsWith('done\n')).toBe(true)
        expect(output).not.toMatch(/a1\n(.*\n)*a2\n(.*\n)*a1\n/)
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a name that is a path is no name for a secret file', async () => {
      const { backend, target: newTarget } = use()
      for (const name of ['../x', 'a/b', '.hidden', '', 'x\n']) {
        await expect(backend.writeSecrets(newTarget(), [file(name, 'x')], soon())).rejects.toMatchObject({
          code: 'container-invalid',
        })
      }
    })
  })
}
