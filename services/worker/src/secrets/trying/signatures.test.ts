import { expect, test } from 'vitest'
import { krakenSignature } from './hmac-exchanges.ts'
import { addressOf } from './hyperliquid.ts'
import { keccak256 } from './keccak.ts'
import { hmac } from './signatures.ts'

// The exchanges' own published examples.

test('Kraken’s example', () => {
  const secret = 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=='
  const body = 'nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25'
  expect(krakenSignature(Buffer.from(secret), '/0/private/AddOrder', '1616492376594', body)).toBe(
    '4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==',
  )
})

test('Binance’s example', () => {
  const secret = Buffer.from('NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j')
  const query =
    'symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559'
  expect(hmac('sha256', secret, query).toString('hex')).toBe(
    'c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71',
  )
})

test.each([
  [0, 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
  ['abc', '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
  [
    'The quick brown fox jumps over the lazy dog',
    '4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15',
  ],
])('Keccak-256 of %s', (message, digest) => {
  expect(keccak256(Buffer.from(message === 0 ? '' : String(message))).toString('hex')).toBe(digest)
})

test('blocks that end where a message does', () => {
  const digests = [135, 136, 137, 271, 272].map((length) =>
    keccak256(Buffer.alloc(length, 0x61)).toString('hex'),
  )
  expect(new Set(digests).size).toBe(5)
  expect(digests[1]).toBe('a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e')
})

test.each([
  ['0'.repeat(63).concat('1'), '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'],
  [`0x${'0'.repeat(63)}2`, '0x2b5ad5c4795c026514f8317c7a215e218dccd6cf'],
])('the address of a private key', (key, address) => {
  expect(addressOf(Buffer.from(key))).toBe(address)
})

test.each(['', '0x1', 'f'.repeat(64), '0'.repeat(64), 'canary-key'])(
  '%s is no private key, and is not repeated',
  (key) => {
    expect(() => addressOf(Buffer.from(key))).toThrow('is not 32 bytes in hex')
  },
)
