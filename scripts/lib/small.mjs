import { transformSync } from 'esbuild'

/** Where a line ends in code without white space: an error shows its statement, and not the whole file. */
const lineEnd =
  /;(?=[A-Za-z_#])|[{}](?=(?:async|case|class|const|export|for|function|get|if|let|return|set|static|switch|this|throw|try|while)\b|#)/g

/** The same code without the white space that it needs not. */
export function small(code) {
  const dense = withoutSpace(code)
  const lines = dense.replaceAll(lineEnd, '$&\n')
  try {
    if (withoutSpace(lines) === dense) return lines
  } catch {}
  // One was in the middle of a string.
  return code
}

function withoutSpace(code) {
  return transformSync(code, { minifyWhitespace: true, target: 'es2023', charset: 'utf8' }).code
}
