import { createTheme } from '@mantine/core'

export const theme = createTheme({
  primaryColor: 'indigo',
  cursorType: 'pointer',
  defaultRadius: 'md',
})
