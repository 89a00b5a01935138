/** What a module exports where it declares it. */
const declared = /^export ((?:async )?(?:class|function\*?|const) (\w+))/gm

/** The same ES module with its exports at the end, where its CommonJS form has them as well: the two then share what is between. */
export function exportsLast(code) {
  const names = []
  const body = code.replaceAll(declared, (_, declaration, name) => {
    names.push(name)
    return declaration
  })
  return names.length === 0 ? code : `${body}export { ${names.join(', ')} };\n`
}

/**
 * The CommonJS form of an ES module that tsc has emitted. Its body stays as it is, where tsc would write `file_1.name` for each
 * imported name: in the tarball it then weighs next to nothing beside the ES module. What is imported is read once, at the top,
 * which is right as long as no imports go in a circle, and no exported variable changes; both are checked.
 */
export function toCommonjs(source, file) {
  const shebang = /^#!.*\n/.exec(source)?.[0] ?? ''
  const code = source.slice(shebang.length)
  const exported = new Map()
  const bound = new Set()
  const bind = (list, from) => {
    const names = split(list).filter(([, name]) => !bound.has(name))
    for (const [, name] of names) bound.add(name)
    return `const { ${names.map(([name, as]) => (name === as ? name : `${name}: ${as}`)).join(', ')} } = require(${from});`
  }
  const body = code
    .replaceAll(/^import \{([^}]*)\} from (['"].+['"]);$/gm, (_, list, from) => bind(list, from))
    .replaceAll(/^import \* as (\w+) from (['"].+['"]);$/gm, 'const $1 = require($2);')
    .replaceAll(/^import (\w+) from (['"].+['"]);$/gm, 'const $1 = byDefault(require($2));')
    .replaceAll(/^import (\w+), \{([^}]*)\} from (['"].+['"]);$/gm, (_, name, list, from) => {
      return `const ${name} = byDefault(require(${from}));\n${bind(list, from)}`
    })
    .replaceAll(/^import (['"].+['"]);$/gm, 'require($1);')
    .replaceAll(/^export \{([^}]*)\} from (['"].+['"]);$/gm, (_, list, from) => {
      for (const [, name] of split(list)) exported.set(name, name)
      return bind(list, from)
    })
    .replaceAll(/^export \{([^}]*)\};$/gm, (_, list) => {
      for (const [name, as] of split(list)) exported.set(as, name)
      return ''
    })
    .replaceAll(declared, (_, declaration, name) => {
      exported.set(name, name)
      return declaration
    })
  const left = /^(import|export)\b.*/m.exec(body)
  if (left !== null) throw new Error(`${file}: no CommonJS form is known of: ${left[0]}`)
  const interop = body.includes('byDefault(')
    ? 'const byDefault = (made) => (made?.__esModule ? made.default : made);\n'
    : ''
  const list = [...exported].map(([as, name]) => (as === name ? as : `${as}: ${name}`)).join(', ')
  // In a form that Node finds the names in without running it.
  const exports = `module.exports = { ${list} };\nObject.defineProperty(module.exports, "__esModule", { value: true });\n`
  return `${shebang}"use strict";\n${interop}${body}${exports}`
}

/** The names in braces, each with the name that it goes by. */
function split(list) {
  const entries = list.split(',').map((one) => one.trim())
  return entries.filter(Boolean).map((one) => {
    const [name, as = name] = one.split(' as ')
    return [name, as]
  })
}
