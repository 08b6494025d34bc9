import { Anchor, createTheme, Menu, Modal } from '@mantine/core'

/** The page never scrolls, so no lock is needed; a lock's styles violate the page's policy. */
const still = { lockScroll: false }

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
  cursorType: 'pointer',
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    // Links stand in the middle of text, where their colour alone does not tell them.
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
    Modal: Modal.extend({
      defaultProps: { ...still, closeButtonProps: { 'aria-label': 'Close' } },
    }),
    // A menu may hold nothing but items.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    Drawer: { defaultProps: still },
    Badge: { defaultProps: { tt: 'none', fw: 500 } },
  },
})
