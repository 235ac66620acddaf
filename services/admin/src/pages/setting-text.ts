/** The value of a setting as people read it: lists by commas, groups as `name: value`, groups of groups a line each, nothing as a dash. */
export function settingText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(settingText).join(', ')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${name}: ${settingText(inner)}`)
      .join(Object.values(value).some((inner) => typeof inner === 'object' && inner !== null) ? '\n' : ', ')
  return String(value)
}
