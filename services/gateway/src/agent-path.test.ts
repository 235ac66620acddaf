import { expect, test } from 'vitest'
import { parseTarget } from './agent-path.ts'

const id = '3f2b8c1e-0d4a-4c6b-9a57-1e2d3c4b5a69'

test.each([
  [`/agents/${id}`, '/'],
  [`/agents/${id}/`, '/'],
  [`/agents/${id}?a=1`, '/?a=1'],
  [`/agents/${id}/v1/chat/completions?x=%2e%2e&y=http://h//z`, '/v1/chat/completions?x=%2e%2e&y=http://h//z'],
  [`/agents/${id}/repos/group%2Fproject/a..b/...`, '/repos/group%2Fproject/a..b/...'],
  [`/agents/${id}/a//b/%E2%82%AC/%FF`, '/a//b/%E2%82%AC/%FF'],
])('%s goes to the agent as %s', (target, path) => {
  expect(parseTarget(target)).toEqual({ agentId: id, path })
})

test.each([
  '/',
  '/agents/',
  '/agents/not-a-uuid/x',
  `/agents/${id.toUpperCase()}/x`,
  `/agents/${id}x/y`,
  `//agents/${id}/x`,
  `http://h/agents/${id}/x`,
  '*',
  `/agents/${id}//evil.example/x`,
  `/agents/${id}/%2fevil.example/x`,
  `/agents/${id}/..`,
  `/agents/${id}/./x`,
  `/agents/${id}/a/../../b`,
  `/agents/${id}/%2e%2e/b`,
  `/agents/${id}/.%2E/b`,
  `/agents/${id}/%252e%252e/b`,
  `/agents/${id}/a%2f..%2fb`,
  `/agents/${id}/..;x=1/b`,
  `/agents/${id}/a\\b`,
  `/agents/${id}/a%5cb`,
  `/agents/${id}/a%0d%0ab`,
  `/agents/${id}/a%00b`,
  `/agents/${id}/%25252525252e`,
  `/agents/${id}/a\r\nb`,
  `/agents/${id}/a b`,
  `/agents/${id}/\u20ac`,
  `/agents/${id}/a#b`,
  `/agents/${id}/${'a'.repeat(17_000)}`,
])('refuses %j', (target) => {
  expect(parseTarget(target)).toBeNull()
})
