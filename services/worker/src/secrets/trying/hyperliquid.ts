import { createECDH } from 'node:crypto'
import {
  bytesOf,
  type Call,
  type Judgement,
  memberOf,
  type Trial,
  textOf,
  UntriableError,
  under,
} from './call.ts'
import { keccak256 } from './keccak.ts'

/** The address (`0x` and 40 hex digits, lower case) of a secp256k1 private key in hex. @throws UntriableError */
export function addressOf(privateKey: Buffer): string {
  const bytes = Buffer.from(privateKey.toString('latin1').trim().replace(/^0x/i, ''), 'hex')
  try {
    if (bytes.length !== 32) throw new Error('not 32 bytes')
    const curve = createECDH('secp256k1')
    curve.setPrivateKey(bytes)
    const point = curve.getPublicKey().subarray(1)
    return `0x${keccak256(point).subarray(12).toString('hex')}`
  } catch {
    throw new UntriableError('its privateKey is not 32 bytes in hex, as a wallet has it')
  } finally {
    bytes.fill(0)
  }
}

/**
 * Asks what the wallet of the private key is to the account: nothing is signed and the key goes nowhere. It works when it
 * is the account's own, or an API wallet that the account has approved.
 */
export function hyperliquidForm({ base, fields }: Trial): Call {
  const account = textOf(fields, 'walletAddress').toLowerCase()
  const wallet = addressOf(bytesOf(fields, 'privateKey'))
  return {
    url: under(base, '/info'),
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'userRole', user: wallet }),
    judge: (status, json) => (status === 200 ? judgeRole(json, account, wallet) : undefined),
  }
}

function judgeRole(json: unknown, account: string, wallet: string): Judgement {
  const role = memberOf(json, 'role')
  if (typeof role !== 'string') return undefined
  if (role === 'user' && wallet === account) {
    return { works: true, remark: 'it is the account’s own key and may withdraw; an API wallet is safer' }
  }
  if (role === 'agent') {
    const user = memberOf(json, 'data', 'user')
    if (typeof user === 'string' && user.toLowerCase() === account) return { works: true }
    return { works: false, why: 'the API wallet was approved by another account' }
  }
  return { works: false, why: 'the account has not approved the wallet of this private key' }
}
