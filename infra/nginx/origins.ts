import type { EdgeSettings } from './settings.ts'

/** Host and, where browsers would not take it for granted, port: what stands in Host and in an origin. */
export const authorityOf = ({ publicPort }: EdgeSettings, host: string): string =>
  publicPort === 443 ? host : `${host}:${publicPort}`

export const originOf = (settings: EdgeSettings, host: string): string =>
  `https://${authorityOf(settings, host)}`
