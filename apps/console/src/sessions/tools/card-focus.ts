/**
 * Puts the focus on the head of the card that an element is in: what asks for an answer there is
 * gone when it has one, and a keyboard user continues from there.
 */
export function focusCard(element: Element): void {
  element.closest('.tool')?.querySelector<HTMLElement>('.tool-head')?.focus({ preventScroll: true })
}
