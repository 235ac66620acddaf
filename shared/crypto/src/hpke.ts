import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'

/**
 * The one cipher suite of sealed records: RFC 9180, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. It holds
 * no key and no state between calls; each record gets a context, and with it a key and a nonce, of its own.
 */
export const hpkeSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
})

const RECORD_INFO = Buffer.from('nora/v1/record', 'latin1')
// RFC 9180 section 5.1 wants an id wherever there is a PSK. There is one PSK a key, so the id need not choose.
const PSK_ID = Buffer.from('nora/v1/hpke-psk', 'latin1')

/**
 * What both sides feed the key schedule. `info` repeats the record's header, so that its version, suite, key
 * version and key id are authenticated although they are not part of the caller's additional data.
 */
export function scheduleInputs(header: Buffer, psk: Buffer) {
  return {
    info: Buffer.concat([RECORD_INFO, header]),
    psk: { id: PSK_ID, key: psk },
  }
}
