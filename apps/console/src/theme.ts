import { Anchor, createTheme, type MantineColorsTuple, Menu, Modal } from '@mantine/core'

/** Disables the scroll lock. The page never scrolls, and lock styles violate its policy. */
const still = { lockScroll: false }

/** The green of the logo, from light to dark. The logo itself is shade 7. */
const pine: MantineColorsTuple = [
  '#ebf7f2',
  '#d3ede1',
  '#a6dcc5',
  '#74c8a5',
  '#45b088',
  '#259a70',
  '#12835b',
  '#0b6e4f',
  '#085a40',
  '#05402d',
]

/** Deletes, failed: `--outlast-fail` in the middle. White text is readable on shade 7. */
const red: MantineColorsTuple = [
  '#fcebe9',
  '#f8d2cf',
  '#f0a49e',
  '#f0695f',
  '#e2493f',
  '#d1382e',
  '#c22f26',
  '#b3261e',
  '#8f1d17',
  '#6b1511',
]

/** Waits for a person: `--outlast-wait` in the middle. */
const yellow: MantineColorsTuple = [
  '#fdf0d3',
  '#fae2af',
  '#f3c777',
  '#e0a13a',
  '#dc9519',
  '#d68a00',
  '#b87400',
  '#9c5c00',
  '#854a00',
  '#5c3300',
]

/** Neutral colors of the light scheme. Like the dark ones they have a trace of the green. */
const gray: MantineColorsTuple = [
  '#f6f8f7',
  '#edf1ef',
  '#e4e9e6',
  '#d5dcd8',
  '#c2cbc6',
  '#97a39d',
  '#75827b',
  '#55615b',
  '#38423d',
  '#1d2521',
]

/** Neutral colors of the dark scheme, from the text to the darkest surface. */
const dark: MantineColorsTuple = [
  '#dfe6e2',
  '#b8c2bd',
  '#94a09a',
  '#5d6963',
  '#313b36',
  '#262f2a',
  '#1a211d',
  '#111613',
  '#0d110f',
  '#090c0a',
]

/** The library's theme, from the tokens in `design/tokens.css`: four text sizes, a 4-px grid. */
export const theme = createTheme({
  colors: { pine, gray, dark, red, yellow },
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 6 },
  black: '#17201c',
  fontFamily: 'var(--outlast-font)',
  fontFamilyMonospace: 'var(--outlast-font-code)',
  headings: { fontFamily: 'var(--outlast-font)', fontWeight: '600' },
  fontSizes: {
    xs: 'var(--outlast-text-small)',
    sm: 'var(--outlast-text)',
    md: 'var(--outlast-text-prose)',
    lg: 'var(--outlast-text-prose)',
    xl: 'var(--outlast-text-title)',
  },
  spacing: { xs: '8px', sm: '12px', md: '16px', lg: '24px', xl: '32px' },
  radius: { xs: '3px', sm: '4px', md: '6px', lg: '8px', xl: '12px' },
  cursorType: 'pointer',
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    // Links appear inside text, where color alone does not mark them.
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
    Modal: Modal.extend({
      defaultProps: { ...still, closeButtonProps: { 'aria-label': 'Close' } },
    }),
    // A menu may contain only items.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    Drawer: { defaultProps: still },
    // The button that clears replaces the arrows, so that a field on a phone has room for both.
    Select: { defaultProps: { clearSectionMode: 'clear' } },
    Badge: { defaultProps: { tt: 'none', fw: 500 } },
  },
})
