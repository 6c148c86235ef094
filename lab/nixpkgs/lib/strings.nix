# Strings.
{ lib }:
{
  inherit (builtins)
    concatStringsSep match replaceStrings split stringLength substring toJSON fromJSON typeOf readFile hashString;

  concatStrings = builtins.concatStringsSep "";
  concatMapStrings = f: list: lib.concatStrings (map f list);
  concatMapStringsSep = separator: f: list: builtins.concatStringsSep separator (map f list);
  concatImapStringsSep = separator: f: list: builtins.concatStringsSep separator (lib.imap1 f list);
  concatMapAttrsStringSep = separator: f: set: builtins.concatStringsSep separator (lib.mapAttrsToList f set);
  concatLines = lib.concatMapStrings (line: line + "\n");
  optionalString = condition: text: if condition then text else "";
  hasPrefix = start: text: builtins.substring 0 (builtins.stringLength start) text == start;
  hasSuffix = end: text:
    let size = builtins.stringLength text - builtins.stringLength end; in
    size >= 0 && builtins.substring size (builtins.stringLength end) text == end;
  hasInfix = part: text: builtins.replaceStrings [ part ] [ "" ] text != text;
  removePrefix = start: text:
    if lib.hasPrefix start text
    then builtins.substring (builtins.stringLength start) (builtins.stringLength text) text
    else text;
  removeSuffix = end: text:
    if lib.hasSuffix end text
    then builtins.substring 0 (builtins.stringLength text - builtins.stringLength end) text
    else text;
  splitString = separator: text:
    builtins.filter builtins.isString (builtins.split (lib.escapeRegex separator) text);
  escape = characters: builtins.replaceStrings characters (map (c: "\\" + c) characters);
  escapeRegex = lib.escape [ "\\" "[" "{" "(" ")" "*" "+" "?" "|" "^" "$" "." ];
  escapeShellArg = value:
    let text = toString value; in
    if builtins.match "[[:alnum:],._+:@%/-]+" text != null then text
    else "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
  escapeShellArgs = lib.concatMapStringsSep " " lib.escapeShellArg;
  boolToString = value: if value then "true" else "false";
  isStringLike = value: builtins.isString value || builtins.isPath value || value ? outPath || value ? __toString;
  trim = text:
    let found = builtins.match "[ \t\r\n]*(.*[^ \t\r\n])[ \t\r\n]*" text; in
    if found == null then "" else builtins.head found;
  fileContents = path: lib.removeSuffix "\n" (builtins.readFile path);
  makeBinPath = lib.concatMapStringsSep ":" (package: "${package}/bin");
  makeSearchPath = below: lib.concatMapStringsSep ":" (package: "${package}/${below}");
  toLower = builtins.replaceStrings lib.upperChars lib.lowerChars;
  toUpper = builtins.replaceStrings lib.lowerChars lib.upperChars;
  lowerChars = lib.stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upperChars = lib.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  stringToCharacters = text: builtins.genList (n: builtins.substring n 1 text) (builtins.stringLength text);
  fixedWidthString = width: filler: text:
    if builtins.stringLength text >= width then text else lib.fixedWidthString width filler (filler + text);
}
