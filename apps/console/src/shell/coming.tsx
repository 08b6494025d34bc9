import { useLocation } from '@tanstack/react-router'
import { places } from './places.ts'
import { Empty, Screen } from './screen.tsx'

export function Coming() {
  const { pathname } = useLocation()
  return (
    <Screen title={places.find(({ to }) => to === pathname)?.label}>
      <Empty title="Nothing to see here yet." />
    </Screen>
  )
}
