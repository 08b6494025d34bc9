/** Colors of chart lines. */
export const colors = {
  blue: 'var(--mantine-color-blue-5)',
  green: 'var(--mantine-color-green-6)',
  red: 'var(--mantine-color-red-6)',
  orange: 'var(--mantine-color-orange-5)',
  violet: 'var(--mantine-color-violet-5)',
}
