import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

/** Our blue, from light to dark; the eighth is what buttons have: white on it has a contrast of 7.2. */
const iris: MantineColorsTuple = [
  '#eef1ff',
  '#dbe1fb',
  '#b4bff4',
  '#8b9bee',
  '#697de8',
  '#5369e4',
  '#4558d4',
  '#3b4cca',
  '#3141b0',
  '#28379b',
]
/** The admin app's own colour, so that nobody mistakes one for the other. */
const ember: MantineColorsTuple = [
  '#fff1e8',
  '#fbe0d1',
  '#f2bd9f',
  '#e9986a',
  '#e2793e',
  '#dd6522',
  '#c9540f',
  '#a8430a',
  '#8a3b12',
  '#6f2d0b',
]

/** The look both apps share. */
export const themeFor = (app: 'console' | 'admin') =>
  createTheme({
    colors: { iris, ember },
    primaryColor: app === 'console' ? 'iris' : 'ember',
    primaryShade: { light: 7, dark: 7 },
    fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
    fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
    defaultRadius: 'md',
    headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.5rem' }, h2: { fontSize: '1.15rem' } } },
    focusRing: 'auto',
    respectReducedMotion: true,
    cursorType: 'pointer',
    components: {
      // A word that is cut off says nothing.
      Badge: { defaultProps: { tt: 'none', miw: 'max-content' } },
      Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
      Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
      Notification: { defaultProps: { closeButtonProps: { 'aria-label': 'Close this message' } } },
      // An element without a role in a menu is none that a screen reader knows there (WAI-ARIA 1.2, required owned elements).
      Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    },
  })

/** The library's greys and reds that would fall below a contrast of 4.5 to 1 on our backgrounds (WCAG 2.2, 1.4.3). */
export const readableColors: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#545b64',
    '--mantine-color-placeholder': '#646b74',
    '--mantine-color-error': '#b42318',
    '--mantine-color-anchor': '#3141b0',
    '--mantine-color-body': '#ffffff',
    '--nora-canvas': '#f6f7f9',
    '--nora-line': '#e1e4e9',
    '--nora-log': '#0f1318',
  },
  dark: {
    '--mantine-color-dimmed': '#b3b9c2',
    '--mantine-color-placeholder': '#989fa9',
    '--mantine-color-error': '#ff8f85',
    '--mantine-color-anchor': '#a9b6ff',
    '--mantine-color-body': '#1b1e23',
    '--nora-canvas': '#14161a',
    '--nora-line': '#31363e',
    '--nora-log': '#0c0e11',
  },
})
