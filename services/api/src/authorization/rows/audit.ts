import { fromAtHome } from '../cells.ts'
import { type Row, route } from '../row.ts'

export const auditRows: Row[] = [
  route('GET /api/audit', fromAtHome('admin', 200)),
  route('GET /api/audit/export', fromAtHome('admin', 200)),
]
