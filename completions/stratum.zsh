#compdef stratum
# zsh completion for stratum. Load it with: source <(stratum completion zsh)
_stratum() {
  local value description
  local -a candidates
  while IFS=$'\t' read -r value description; do
    case "$value" in
      :files) _files; return ;;
      :folders) _files -/; return ;;
      *) candidates+=("${value//:/\\:}:${description}") ;;
    esac
  done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe -V 'stratum' candidates
}
if [ "$funcstack[1]" = "_stratum" ]; then
  _stratum "$@"
else
  compdef _stratum stratum
fi
