import { describe, expect, test } from 'vitest'
import type { ContractFixture } from '../backend-contract.ts'
import { runScript } from './agent.ts'

/** Every limit and every taken privilege, seen from inside. */
export function postureContract(use: () => ContractFixture): void {
  describe('posture, from inside', () => {
    test('no root, no capability, no new privilege, a filter on system calls', async () => {
      const { output } = await runScript(use(), 'id -u; id -g; cat /proc/self/status; cat /proc/1/status')
      expect(output).toMatch(/^10001\n10001\n/)
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect(output.match(new RegExp(`${set}:\\s+0{16}\\n`, 'g'))).toHaveLength(2)
      }
      expect(output.match(/NoNewPrivs:\s+1/g)).toHaveLength(2)
      expect(output.match(/Seccomp:\s+2/g)).toHaveLength(2)
      expect(output).toMatch(/Uid:\s+10001\s+10001\s+10001\s+10001/)
    })

    test('the root is read-only; only /tmp and the state can be written', async () => {
      const places = '/ /bin /etc /run/nora /proc/sys/kernel /sys/fs/cgroup /dev /var /home'
      const { output } = await runScript(
        use(),
        `for at in ${places} /tmp /state; do if (: > $at/probe) 2>/dev/null; then echo "$at open"; else echo "$at shut"; fi; done`,
      )
      const open = output.split('\n').filter((line) => line.endsWith(' open'))
      expect(open).toEqual(['/tmp open', '/state open'])
    })

    test('/tmp has a size and runs nothing', async () => {
      const script =
        'dd if=/dev/zero of=/tmp/fill bs=1M count=64 2>/dev/null; stat -c %s /tmp/fill; : > /tmp/fill; ' +
        "echo '#!/bin/sh' > /tmp/run; chmod 755 /tmp/run; /tmp/run || echo refused $?; cat /proc/mounts"
      const { output } = await runScript(use(), script, { resources: { ...small, memoryMb: 96 } })
      expect(Number(output.split('\n')[0])).toBe(24 * 1024 * 1024)
      expect(output).toContain('refused 126')
      expect(output).toMatch(/ \/tmp tmpfs rw,nosuid,nodev,noexec,/)
    })

    test('memory beyond the limit is killed and reported', async () => {
      const script = 'echo begun; head -c 200000000 /dev/zero | tail -c 200000000 | wc -c'
      const ran = await runScript(use(), script, {
        resources: { ...small, memoryMb: 48 },
      })
      expect(ran.output).toContain('begun')
      expect(ran.output).not.toContain('200000000')
      expect(ran.container.oomKilled).toBe(true)
    })

    test('the limits of memory, swap and processor stand in the control group', async () => {
      // One tree (v2) or one a controller (v1).
      const script =
        'cd /sys/fs/cgroup; if [ -f cpu.max ]; then cat cpu.max memory.max; ' +
        'else cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us memory/memory.limit_in_bytes; fi'
      const { output } = await runScript(use(), script, {
        resources: { ...small, cpus: 0.25, memoryMb: 64 },
      })
      const [quota, period, memory] = output.trim().split(/\s+/).map(Number) as [number, number, number]
      expect(quota / period).toBe(0.25)
      expect(memory).toBe(64 * 1024 * 1024)
    })

    test('a fork bomb stops at the limit and cannot be felt outside', async () => {
      const { output } = await runScript(
        use(),
        'i=0; while [ $i -lt 60 ]; do sleep 300 & i=$((i+1)); done 2>/dev/null; echo unreachable; exit 0',
        { resources: { ...small, pids: 20 } },
      )
      expect(output).not.toContain('unreachable')
    })

    test('file handles and core dumps are limited', async () => {
      const { output } = await runScript(use(), 'ulimit -n; ulimit -c; cat /proc/self/limits')
      expect(output).toMatch(/^\d+\n0\n/)
      expect(Number(output.split('\n')[0])).toBeLessThanOrEqual(65_536)
      expect(output).toMatch(/Max core file size\s+0\s+0\s/)
    })

    test('an own process, IPC and cgroup world', async () => {
      const { output } = await runScript(use(), 'cat /proc/self/cgroup; echo; ls /proc | tr "\\n" " "')
      const [groups = '', processes = ''] = output.split('\n\n')
      for (const line of groups.trim().split('\n')) expect(line).toMatch(/:\/$/)
      expect(processes.split(' ').filter((name) => /^\d+$/.test(name)).length).toBeLessThan(10)
    })

    test('no interface has an IPv6 address, nor would one that came later', async () => {
      // Absent where the kernel has no IPv6.
      const script =
        'cat /proc/net/if_inet6 2>/dev/null; echo read; cat /proc/sys/net/ipv6/conf/*/disable_ipv6 2>/dev/null; exit 0'
      const { output } = await runScript(use(), script)
      expect(output).toMatch(/^read\n(1\n)*$/)
    })

    test('a user who is root, or a state path over the system, is refused', async () => {
      for (const overrides of [
        { user: '0' },
        { user: 'root' },
        { user: '10001:0' },
        { statePath: '/proc' },
      ]) {
        await expect(runScript(use(), 'id', overrides)).rejects.toMatchObject({
          code: 'container-invalid',
          retry: false,
        })
      }
    })

    test('limits that the host cannot give are refused in words', async () => {
      const resources = { ...small, cpus: 4096 }
      await expect(runScript(use(), 'id', { resources })).rejects.toMatchObject({
        code: 'resources-refused',
        retry: false,
      })
    })
  })
}

const small = { cpus: 0.5, memoryMb: 64, diskMb: 32, pids: 32 }
