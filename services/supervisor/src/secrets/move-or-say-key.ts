import { keySourceOf } from '@nora/config/encryption-key'
import { readEnvFile } from '../env-files.ts'
import { describeSource, destinationOf, moveKey } from './move-key.ts'
import { askNewPassphrase, askPassphrase } from './passphrase.ts'

/** The command `encryption-key`: says where the key comes from or, given a destination, moves it there. Never shows the key. */
export async function moveOrSayKey(
  config: string,
  destination: string | undefined,
  passphraseFile: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  if (destination === undefined) {
    return say(
      `ENCRYPTION_KEY comes from ${describeSource(keySourceOf(await readEnvFile(config, 'worker')))}`,
    )
  }
  const to = destinationOf(destination, config)
  const from = await moveKey(config, to, {
    passphraseFile,
    current: () => askPassphrase('Passphrase of the encryption key as it is now: '),
    fresh: askNewPassphrase,
  })
  say(`ENCRYPTION_KEY now comes from ${describeSource(to)}; run ./setup.sh to start with it`)
  if (from.kind !== 'env')
    say(`it also stays in ${describeSource(from)}: remove it there once Nora has started`)
}
