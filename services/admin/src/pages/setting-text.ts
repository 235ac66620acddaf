/** The value of a setting as people read it: lists by commas, groups as `name: value`, nothing as a dash. */
export function settingText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(settingText).join(', ')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(
        ([name, inner]) =>
          `${name}: ${typeof inner === 'object' && inner !== null ? `(${settingText(inner)})` : settingText(inner)}`,
      )
      .join(', ')
  return String(value)
}
