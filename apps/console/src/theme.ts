import { createTheme } from '@mantine/core'

/** The page itself never scrolls, so nothing has to hold it; what would, writes styles that the page's policy refuses. */
const still = { defaultProps: { lockScroll: false } }

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
  cursorType: 'pointer',
  defaultRadius: 'md',
  components: {
    Modal: still,
    Drawer: still,
    Badge: { defaultProps: { tt: 'none', fw: 500 } },
  },
})
