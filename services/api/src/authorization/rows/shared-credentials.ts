import { from, fromAtHome, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'
import type { ResourceName } from '../testing/resources.ts'

const others = 'shared by somebody else'
const own = 'an own one'

/** What the rows' paths name of one kind of credential (testing/resources.ts). */
type Named = Record<'shared' | 'hidden' | 'own' | 'operation', ResourceName>

/** The rows of a kind of credential that its owner may share with the workspace. */
export function sharedCredentialRows(
  path: 'llm-providers' | 'integrations',
  body: { provider: string; label: string; secret: Record<string, string> },
  named: Named,
): Row[] {
  const ofOthers = { when: others, ids: { id: named.shared } }
  const ofOwn = { when: own, ids: { id: named.own } }
  const secret = { body: { secret: body.secret } }
  const renamed = { body: { label: 'renamed' } }
  return [
    route(`GET /api/${path}/catalog`, signedIn(200)),
    route(`POST /api/${path}`, fromAtHome('editor', 201), { body }),
    route(`GET /api/${path}`, fromAtHome('viewer', 200)),
    route(`GET /api/${path}/:id`, from('viewer', 200), ofOthers),
    route(`GET /api/${path}/:id`, from('viewer', '404 not-found'), {
      when: 'somebody else’s, not shared',
      ids: { id: named.hidden },
    }),
    route(`PUT /api/${path}/:id`, from('editor', 200), { ...ofOwn, ...secret }),
    route(`PUT /api/${path}/:id`, from('editor', '403 forbidden'), { ...ofOthers, ...secret }),
    route(`PATCH /api/${path}/:id`, from('editor', 200), { ...ofOwn, ...renamed }),
    route(`PATCH /api/${path}/:id`, from('editor', '403 forbidden'), { ...ofOthers, ...renamed }),
    route(`DELETE /api/${path}/:id`, from('editor', 204), ofOwn),
    route(`DELETE /api/${path}/:id`, from('editor', '403 forbidden'), ofOthers),
    route(`POST /api/${path}/:id/test`, from('editor', 202), { ids: { id: named.shared } }),
    route(`GET /api/${path}/:id/operations/:opId`, from('viewer', 200), {
      ids: { id: named.shared, opId: named.operation },
    }),
  ]
}
