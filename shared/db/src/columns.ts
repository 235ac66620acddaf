import type { ColumnType } from 'kysely'

export type Json<T = unknown> = ColumnType<T, string, string>
export type JsonDefault<T = unknown> = ColumnType<T, string | undefined, string>
/** bigint comes back as a string from pg; the connection parses it to a number (all ours stay below 2^53). */
export type Big = ColumnType<number, number | undefined, number>
export type Time = ColumnType<Date, Date | string, Date | string>
export type TimeDefault = ColumnType<Date, Date | string | undefined, Date | string>
export type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>

export type AgentState =
  | 'queued'
  | 'provisioning'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'degraded'
  | 'error'
  | 'deleting'
export type DesiredState = 'running' | 'stopped' | 'deleted'
export type OperationKind =
  | 'provision'
  | 'start'
  | 'stop'
  | 'restart'
  | 'redeploy'
  | 'sync-keys'
  | 'reconcile'
  | 'delete'
  | 'test-key'
export type OperationStatus = 'pending' | 'leased' | 'succeeded' | 'failed' | 'cancelled'
export type { CredentialKind } from '@nora/contract/credential-types'
export type { ExchangePermission } from '@nora/contract/exchange-credentials'
export type WorkspaceRole = 'viewer' | 'editor' | 'admin' | 'owner'
export type StreamKind = 'logs' | 'exec' | 'metrics'
