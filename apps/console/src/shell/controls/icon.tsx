/** Line icons on a 24 × 24 grid, drawn in the text color. */
const paths = {
  again: 'M5 12a7 7 0 0 1 12-5l2 2M19 4v5h-5M19 12a7 7 0 0 1-12 5l-2-2M5 20v-5h5',
  agent: 'M5 8h14v11H5zM12 4v4M9 12.5v2M15 12.5v2M2.5 12v4M21.5 12v4',
  attach:
    'M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.5-8.5a3.4 3.4 0 0 1 4.8 4.8l-8.4 8.4a1.7 1.7 0 0 1-2.4-2.4l7.7-7.6',
  back: 'M15 6l-6 6 6 6',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4',
  capability: 'M13 3L5 14h6l-1 7 8-11h-6z',
  chart: 'M4 4v16h16M8 15l3.5-4.5 3 2.5L20 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  chevron: 'M9 6l6 6-6 6',
  circle: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16',
  close: 'M6 6l12 12M18 6L6 18',
  coins:
    'M9 5a5 2.5 0 1 0 0 5a5 2.5 0 1 0 0-5M4 7.5v5c0 1.4 2.2 2.5 5 2.5M4 12.5v4C4 17.9 6.2 19 9 19M15 12a5 2.5 0 1 0 0 5a5 2.5 0 1 0 0-5M10 14.5v3c0 1.4 2.2 2.5 5 2.5s5-1.1 5-2.5v-3',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  down: 'M12 5v14M6 13l6 6 6-6',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  edit: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  folder: 'M3 6h6l2 2h10v11H3z',
  flow: 'M4 19V9M10 19V5M16 19v-7M21 19H2',
  fork: 'M6 4v16M6 13c7 0 11-2 11-9M13 8l4-4 4 4',
  grip: 'M9 5.5v1M15 5.5v1M9 11.5v1M15 11.5v1M9 17.5v1M15 17.5v1',
  half: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4l3 2',
  gear: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M10 15v4M16 5v4M8 15v4',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  model: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  moon: 'M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5',
  plug: 'M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4',
  plus: 'M12 5v14M5 12h14',
  schedule: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4.5l3 1.5',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  search: 'M11 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14M16 16l4.5 4.5',
  session: 'M4 5h16v11H10l-4 4v-4H4z',
  sun: 'M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5',
  share: 'M12 15V4M8 8l4-4 4 4M6 12v8h12v-8',
  stop: 'M7 7h10v10H7z',
  tag: 'M4 4h8l8 8-8 8-8-8zM8 8v.5',
  terminal: 'M4 5h16v14H4zM8 10l3 2.5L8 15M13 15h4',
  'thumb-down':
    'M17 13l-4 8c-1.6 0-2.5-1-2.5-2.5V15H5.4a2 2 0 0 1-2-2.4l1.1-6.3a2 2 0 0 1 2-1.6H17zM17 13h3.5V4.7H17',
  'thumb-up':
    'M7 11l4-8c1.6 0 2.5 1 2.5 2.5V9h5.1a2 2 0 0 1 2 2.4l-1.1 6.3a2 2 0 0 1-2 1.6H7zM7 11H3.5v8.3H7',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  up: 'M12 19V5M6 11l6-6 6 6',
} as const

export type IconName = keyof typeof paths

export const icons = Object.keys(paths) as IconName[]

type IconProps = { name: IconName; size?: number; isFilled?: boolean }

/** An icon. Contract: hidden from screen readers. Its parent has an accessible name. */
export function Icon({ name, size = 16, isFilled = false }: IconProps) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={isFilled ? 'currentColor' : 'none'}
      stroke="currentColor"
      strokeWidth={1.75}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
