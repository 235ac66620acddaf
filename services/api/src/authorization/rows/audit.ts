import { fromAtHome, platformAdmins } from '../cells.ts'
import { type Row, route } from '../row.ts'

export const auditRows: Row[] = [
  route('GET /api/audit', fromAtHome('admin', 200)),
  route('GET /api/audit/export', fromAtHome('admin', 200)),
]

export const adminRows: Row[] = [
  route('GET /api/admin/queue', platformAdmins(200)),
  route('POST /api/admin/queue/:id/retry', platformAdmins(202), { ids: { id: 'failedOperation' } }),
]
