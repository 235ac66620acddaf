import type { Choice } from '@nora/contract/deploy-options'
import type { Deps } from '../deps.ts'

type Config = Pick<Deps['config'], 'enabledBackends'>

/** Where agents can run, as people choose it, with a sentence about each. */
export const targets = ({ enabledBackends }: Config): Choice[] => {
  const docker = enabledBackends.includes('docker')
  return [
    {
      name: 'docker',
      title: 'Docker',
      available: docker,
      reason: docker ? 'a container on this server' : 'the Docker backend is not enabled on this server',
    },
    {
      name: 'kubernetes',
      title: 'Kubernetes',
      available: false,
      reason: 'the Kubernetes backend is not enabled on this server',
    },
    {
      name: 'proxmox',
      title: 'Proxmox',
      available: false,
      reason: 'Proxmox is planned; this version cannot use it',
    },
    {
      name: 'remote',
      title: 'Another Docker host',
      available: false,
      reason: 'Docker on other machines is planned; this version cannot use it',
    },
  ]
}

/** How closely an agent is shut in, as people choose it. */
export const sandboxProfiles: readonly Choice[] = [
  {
    name: 'standard',
    title: 'Standard',
    available: true,
    reason: 'no privileges, a read-only root, a network of its own that reaches the internet',
  },
  {
    name: 'hardened',
    title: 'Hardened',
    available: false,
    reason: 'the hardened profile is not available in this version',
  },
]

/** The profile of that name; `nemoclaw` is another name of `hardened`, which no list shows. */
export const profileNamed = (name: string): Choice | undefined =>
  name === 'nemoclaw'
    ? {
        ...profileNamed('hardened')!,
        reason: 'nemoclaw (another name of hardened) is not available in this version',
      }
    : sandboxProfiles.find((profile) => profile.name === name)
