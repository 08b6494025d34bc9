import { Anchor, createTheme, Menu, Modal } from '@mantine/core'

/** Disables the scroll lock. The page never scrolls, and lock styles violate its policy. */
const still = { lockScroll: false }

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
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
    Badge: { defaultProps: { tt: 'none', fw: 500 } },
  },
})
