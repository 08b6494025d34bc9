// Makes Scalar's styles fit the Content-Security-Policy: a style element gets the nonce of the
// page, and a style attribute is set as properties, which the policy allows.
const { content: nonce } = document.querySelector('meta[property="csp-nonce"]')
const createElement = document.createElement.bind(document)
const { setAttribute } = Element.prototype
const html = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')

document.createElement = (name, options) => {
  const element = createElement(name, options)
  if (name.toLowerCase() === 'style') element.nonce = nonce
  return element
}

Element.prototype.setAttribute = function (name, value) {
  if (name === 'style') this.style.cssText = value
  else setAttribute.call(this, name, value)
}

Object.defineProperty(Element.prototype, 'innerHTML', {
  ...html,
  set(value) {
    html.set.call(this, String(value ?? '').replaceAll(' style="', ' data-style="'))
    const parent = this.content ?? this
    for (const element of parent.querySelectorAll('[data-style]')) {
      element.style.cssText = element.dataset.style
      element.removeAttribute('data-style')
    }
  },
})
