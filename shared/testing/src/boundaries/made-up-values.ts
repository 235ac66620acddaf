/** Values that look like secrets and are none, each with the reason; looked at by people. */
export const madeUpValues: readonly { value: string; file: string; why: string }[] = [
  {
    file: 'migrations/run.test.ts',
    value: '5f0c1e7a9b3d48266c4e0f1a7d2b9358',
    why: 'made for this test’s own database, which it removes',
  },
  {
    file: 'migrations/run.test.ts',
    value: 'e19b7340c2d8465fa1073bd65c82e4f9',
    why: 'made for this test’s own database, which it removes',
  },
  {
    file: 'services/api/src/agent-hub/door.db.test.ts',
    value: 'eyJhbGciOiJub25lIn0.e30.x',
    why: 'a token with the algorithm `none`, which nobody takes',
  },
  {
    file: 'services/api/src/audit/report.db.test.ts',
    value: 'sk-never-in-an-audit-row',
    why: 'a sentence in the shape of a key',
  },
  {
    file: 'services/api/src/authorization/rows/provider-keys.ts',
    value: 'sk-of-the-authorization-test-0001',
    why: 'a sentence in the shape of a key',
  },
  {
    file: 'services/api/src/fuzz/upgrades.db.test.ts',
    value: 'dGhlIHNhbXBsZSBub25jZQ==',
    why: 'the handshake’s example of RFC 6455',
  },
  {
    file: 'services/api/src/testing/canaries.ts',
    value: 'eyJhbGciOiJIUzI1NiJ9.',
    why: 'the header of a token, without the token',
  },
  {
    file: 'services/worker/src/secrets/trying/signatures.test.ts',
    value: 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==',
    why: 'the example of an exchange’s public documentation',
  },
  {
    file: 'shared/crypto/src/capability.test.ts',
    value: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    why: 'a vector of RFC 8032',
  },
  {
    file: 'shared/crypto/src/keys.test.ts',
    value: 'nsk1.7.3qWBTj3Zw5JBXNxTVn9wY_mnK8_aDkd1l51WbXwq8kE.fVGGbJSbJFvJQkIb0lytdr5HakrdTU4BQd5G0MUSkJE',
    why: 'derived from a key that counts 0, 1, 2, …; pinned so that the derivation never changes',
  },
  {
    file: 'shared/crypto/src/rfc9180.test.ts',
    value: '0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82',
    why: 'a vector of RFC 9180',
  },
  {
    file: 'shared/crypto/src/rfc9180.test.ts',
    value: '3d76025dbbedc49448ec3f9080a1abab6b06e91c0b11ad23c912f043a0ee7655',
    why: 'a vector of RFC 9180',
  },
  {
    file: 'shared/log/src/scrub.test.ts',
    value: 'v1.eyJhdWQiOiJjNG40cnkifQ.',
    why: 'the beginning of a capability, without its signature',
  },
]
