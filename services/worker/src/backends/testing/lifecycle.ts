import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { BackendError } from '../backend.ts'
import type { ContractFixture } from '../backend-contract.ts'
import { allFrames, container, deploy, ended, removeAll, runScript, soon, textOf } from './agent.ts'

const waiting = 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'
const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })

/** From nothing to running to nothing, each verb as often as one likes. */
export function lifecycleContract(use: () => ContractFixture): void {
  describe('life of an agent', () => {
    test('nothing, made, running, stopped, gone; every verb twice', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh(waiting))
      try {
        expect(await backend.observe(target, soon())).toMatchObject({
          image: 'present',
          network: 'absent',
          storage: 'absent',
          container: 'absent',
        })
        const first = await deploy(backend, target)
        const again = await deploy(backend, target)
        expect(again.containerId).toBe(first.containerId)
        const running = await backend.observe(target, soon())
        expect(running).toMatchObject({
          network: 'present',
          storage: 'present',
          container: {
            id: first.containerId,
            status: 'running',
            generation: target.generation,
            specHash: target.specHash,
            exitCode: null,
            finishedAt: null,
            oomKilled: false,
            gatewayAttached: false,
          },
        })
        expect((await container(backend, target)).ip).toMatch(/^[0-9a-f.:]+$/)
        const printed = () => backend.lastWords(first.containerId, soon())
        await waitUntil('the trap', async () => (await printed()).includes('up'))
        for (let time = 0; time < 2; time++) await backend.stop(target, soon())
        expect(await container(backend, target)).toMatchObject({ status: 'exited', exitCode: 0, ip: null })
        await backend.start(target, soon())
        expect(await container(backend, target)).toMatchObject({ status: 'running' })
      } finally {
        for (let time = 0; time < 2; time++) await removeAll(backend, target)
      }
      expect(await backend.observe(target, soon())).toMatchObject({
        network: 'absent',
        storage: 'absent',
        container: 'absent',
      })
    })

    test('stopping and removing what is not there is fine, starting it is not', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget()
      await backend.stop(target, soon())
      await removeAll(backend, target)
      await expect(backend.start(target, soon())).rejects.toMatchObject({ code: 'not-found', retry: true })
    })

    test('adopts what a crash left between making and starting', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh('echo once; cat /run/nora/key'))
      try {
        await backend.ensureNetwork(target, soon())
        await backend.ensureStorage(target, soon())
        const left = await backend.ensureContainer(target, soon())
        expect(await container(backend, target)).toMatchObject({ status: 'created', id: left.containerId })
        const { containerId } = await deploy(backend, target, [
          { name: 'key', content: Buffer.from('late\n') },
        ])
        expect(containerId).toBe(left.containerId)
        expect(textOf(await allFrames(backend, containerId))).toBe('once\nlate\n')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('does not adopt the container of an earlier deploy', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh(waiting))
      try {
        await deploy(backend, target)
        const next = { ...target, generation: target.generation + 1, specHash: 'another' }
        expect(await container(backend, next)).toMatchObject({ generation: 1, specHash: target.specHash })
        await expect(backend.ensureContainer(next, soon())).rejects.toMatchObject({ retry: true })
        await backend.removeContainer(next, soon())
        await deploy(backend, next)
        expect(await container(backend, next)).toMatchObject({ generation: 2, status: 'running' })
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a program that ends at once leaves its exit code and last words', async () => {
      const { backend, target: newTarget } = use()
      const secret = `sk-${'a1B2c3D4'.repeat(6)}`
      const target = newTarget(
        sh(`exec >&2; seq 1 40; echo "token ${secret}"; printf '\\033[31mno config\\033[0m'; exit 3`),
      )
      try {
        const { containerId } = await deploy(backend, target)
        expect(await ended(backend, target)).toMatchObject({ exitCode: 3, oomKilled: false })
        const words = await backend.lastWords(containerId, soon())
        expect(words.length).toBeLessThanOrEqual(20)
        expect(words.at(-1)).toBe('no config')
        expect(words.join('\n')).not.toContain(secret)
        expect(words).toContain('40')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a command that is not in the image is named, by the start or by the last words', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget({ command: ['/bin/no-such-program'] })
      try {
        const refusal = await deploy(backend, target).catch((error: unknown) => error)
        if (refusal instanceof BackendError) {
          expect(refusal).toMatchObject({ code: 'container-invalid', retry: false })
          expect(refusal.message).toContain('no-such-program')
        } else {
          const { exitCode, id } = await ended(backend, target)
          expect(exitCode).toBe(127)
          expect((await backend.lastWords(id, soon())).join('\n')).toContain('no-such-program')
        }
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a program that ignores SIGTERM is killed after its grace', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh('trap "" TERM; echo deaf; while :; do sleep 0.1; done'))
      try {
        const { containerId } = await deploy(backend, target)
        const printed = () => backend.lastWords(containerId, soon())
        await waitUntil('the trap', async () => (await printed()).includes('deaf'))
        await backend.stop(target, soon())
        expect({ ...(await container(backend, target)), words: await printed() }).toMatchObject({
          status: 'exited',
          exitCode: 137,
        })
      } finally {
        await removeAll(backend, target)
      }
    })

    test('a reload reaches the program; without a way it says so', async () => {
      const { backend, target: newTarget } = use()
      const script = 'trap "cat /run/nora/key" HUP; trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'
      const target = newTarget({ ...sh(script), reload: { kind: 'signal', signal: 'SIGHUP' } })
      try {
        const { containerId } = await deploy(backend, target, [
          { name: 'key', content: Buffer.from('one\n') },
        ])
        await waitUntil('the trap', async () => (await backend.lastWords(containerId, soon())).includes('up'))
        await backend.writeSecrets(target, [{ name: 'key', content: Buffer.from('two\n') }], soon())
        expect(await backend.reload(target, soon())).toBe('reloaded')
        await waitUntil('the reload', async () =>
          (await backend.lastWords(containerId, soon())).includes('two'),
        )
        const { reload: _, ...deaf } = target
        expect(await backend.reload(deaf, soon())).toBe('unsupported')
        const byCommand = (argv: string[]) =>
          backend.reload({ ...target, reload: { kind: 'exec', argv } }, soon())
        expect(await byCommand(['/bin/sh', '-c', 'cat /run/nora/key > /tmp/seen'])).toBe('reloaded')
        await expect(byCommand(['/bin/sh', '-c', 'exit 9'])).rejects.toThrow('exit code 9')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('the listing shows every container of the installation, and an orphan goes by its id', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(sh(waiting))
      try {
        const { containerId } = await deploy(backend, target)
        const listed = (await backend.list(soon())).find((one) => one.containerId === containerId)
        expect(listed).toMatchObject({
          agentId: target.agentId,
          workspaceId: target.workspaceId,
          generation: target.generation,
          specHash: target.specHash,
          status: 'running',
        })
        for (let time = 0; time < 2; time++) await backend.removeOrphan(listed!, soon())
        expect((await backend.observe(target, soon())).container).toBe('absent')
      } finally {
        await removeAll(backend, target)
      }
    })

    test('an aborted verb throws the reason of its signal', async () => {
      const { backend, target: newTarget } = use()
      const reason = new Error('the lease is lost')
      await expect(backend.observe(newTarget(), AbortSignal.abort(reason))).rejects.toBe(reason)
    })

    test('the environment has what the target names and nothing of ours', async () => {
      const ran = await runScript(use(), 'echo "$GREETING"; cat /proc/self/environ | tr "\\0" "\\n"', {
        env: { GREETING: "it's $HOME" },
      })
      expect(ran.output).toContain("it's $HOME")
      expect(ran.output).not.toMatch(/nora|DATABASE|DOCKER/i)
    })
  })
}
