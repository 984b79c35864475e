# bash completion for stratum. Load it with: source <(stratum completion bash)
_stratum() {
  local line="${COMP_LINE:0:COMP_POINT}" current value description
  local -a words
  read -ra words <<<"$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  current="${words[-1]}"
  # bash takes "=" and ":" for ends of words: what stands before the last one is not replaced.
  local kept=""
  [[ "$current" == *[=:]* ]] && kept="${current%"${current##*[=:]}"}"
  COMPREPLY=()
  while IFS=$'\t' read -r value description; do
    case "$value" in
      :files) mapfile -t COMPREPLY < <(compgen -f -- "${current#"$kept"}"); compopt -o filenames 2>/dev/null ;;
      :folders) mapfile -t COMPREPLY < <(compgen -d -- "${current#"$kept"}"); compopt -o filenames 2>/dev/null ;;
      *) COMPREPLY+=("${value#"$kept"}") ;;
    esac
  done < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _stratum stratum
