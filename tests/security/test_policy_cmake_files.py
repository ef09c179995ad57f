"""What CMake files run while configuring and building is read and judged, as far as it can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.policy.cmaketext import Quoted, split_cmake
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
HEAD = "cmake_minimum_required(VERSION 3.20)\nproject(App LANGUAGES CXX)\n"
CONFIGURE = (
    "cmake -S . -B build",
    "cmake -B build -DCMAKE_BUILD_TYPE=Release",
    "cmake .",
    "mkdir -p b && cd b && cmake ..",
)
BUILD = ("cmake --build build -j4", "cmake --build build --target app")
ASKS, ALLOWED = Decision.REQUIRES_APPROVAL, Decision.ALLOW


def ask(folder: Path, text: str, files: dict[str, str]) -> Judgement:
    root = folder / "repo"
    (root / "src").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content.replace("@ROOT@", str(root.resolve())))
    where = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=where, toolchains=())
    return judge(POLICY, text, cwd=where, workspace_root=where, surroundings=surroundings)


def lists(body: str) -> dict[str, str]:
    return {"CMakeLists.txt": HEAD + body + "\n"}


AT_CONFIGURE = (
    "execute_process(COMMAND {})",
    "EXECUTE_PROCESS (COMMAND ls\n  COMMAND {} # a pipe\n  RESULT_VARIABLE x)",
    "#[[ nothing\n]] execute_process(WORKING_DIRECTORY ${{CMAKE_SOURCE_DIR}} COMMAND {})",
    "if(WIN32)\nelse()\n  execute_process(COMMAND {} OUTPUT_QUIET)\nendif()",
    "function(f)\nexecute_process(COMMAND {})\nendfunction()\nf()",
    'set(X "ls")\nexecute_process(COMMAND ${{X}} COMMAND {})',
)
AT_BUILD = (
    "add_custom_target(x ALL COMMAND {})",
    "add_custom_target(x {})",
    "add_custom_target(x ALL {} DEPENDS app)",
    "add_custom_command(OUTPUT a.h COMMAND ls COMMAND {} VERBATIM)",
    "add_custom_command(TARGET app POST_BUILD COMMAND {})",
    "add_custom_command(OUTPUT a.h COMMAND ls && {})",
    "add_custom_command(OUTPUT a.h COMMAND ls || {} VERBATIM)",
)
LINES = (
    ("git push --force", ASKS),
    ('sh -c "git push --force"', ASKS),
    ("rm -rf /", Decision.DENY),
    ("[[git]] push --force", ASKS),
)


@pytest.mark.parametrize("shape", AT_CONFIGURE)
@pytest.mark.parametrize("command", [*CONFIGURE, *BUILD])
def test_what_configuring_runs_is_judged(shape: str, command: str, tmp_path: Path) -> None:
    for line, verdict in LINES:
        judged = ask(tmp_path, command, lists(shape.format(line)))
        assert judged.verdict.verdict is verdict
        assert {"publishes", "destroys_system"} & set(judged.verdict.reason_codes)
    sources = [call.source for call in judged.commands if "push" in call.argv]
    assert all(source.startswith(f"{tmp_path}/repo/CMakeLists.txt:") for source in sources)


@pytest.mark.parametrize("shape", AT_BUILD)
@pytest.mark.parametrize("command", [*BUILD, "cmake -S . -B build && cmake --build build"])
def test_what_building_runs_is_judged(shape: str, command: str, tmp_path: Path) -> None:
    for line, verdict in LINES:
        judged = ask(tmp_path, command, lists(shape.format(line)))
        assert judged.verdict.verdict is verdict
        assert {"publishes", "destroys_system"} & set(judged.verdict.reason_codes)


HIDDEN = (
    "set(X git)\nexecute_process(COMMAND ${X} push --force)",
    "set(X git push --force)\nexecute_process(COMMAND ${X})",
    "set(X COMMAND git push --force)\nexecute_process(${X})",
    "set(X git)\nset(Y ${X})\nexecute_process(COMMAND ${Y} push --force)",
    'set(X "ls;git push --force")\nexecute_process(COMMAND sh -c "${X}")',
    "set(X it;push;--force)\nexecute_process(COMMAND g${X})",
    "set(X ls)\nset(X git)\nexecute_process(COMMAND ${X} push)",
    "list(APPEND X git push)\nexecute_process(COMMAND ${X})",
    "list(APPEND X COMMAND git push)\nexecute_process(COMMAND ls ${X})",
    "string(CONCAT X COM MAND)\nexecute_process(COMMAND ls ${X} git push)",
    "set(P GIT)\nset(${P}_EXECUTABLE ./evil)\nexecute_process(COMMAND ${GIT_EXECUTABLE} status)",
    "set(${P} ./evil)\nexecute_process(COMMAND ${GIT_EXECUTABLE} status)",
    "set(GIT_EXECUTABLE ./evil)\nexecute_process(COMMAND ${GIT_EXECUTABLE} status)",
    "set(CMAKE_COMMAND ./evil)\nexecute_process(COMMAND ${CMAKE_COMMAND} -E touch x)",
    "find_program(X git HINTS tools)\nexecute_process(COMMAND ${X} status)",
    "find_program(X git)\nexecute_process(COMMAND ${X} push)",
    "set(X git CACHE STRING x)\nexecute_process(COMMAND ${X} status)",
    "macro(r)\nexecute_process(COMMAND ${ARGN})\nendmacro()\nr(git push)",
    "macro(r)\nexecute_process(${ARGV})\nendmacro()\nr(COMMAND git push)",
    "foreach(X git rm)\nexecute_process(COMMAND ${X} push)\nendforeach()",
    "execute_process(COMMAND $ENV{X} y)",
    "if(FALSE)\nadd_executable(git src/a.cc)\nendif()\nexecute_process(COMMAND git push)",
    "add_executable(evil IMPORTED)\nexecute_process(COMMAND evil)",
    "if(A)\nadd_executable(evil src/a.cc)\nelse()\nadd_executable(evil IMPORTED)\nendif()\n"
    "execute_process(COMMAND evil)",
    'file(WRITE ${CMAKE_BINARY_DIR}/x.sh "y")\nexecute_process(COMMAND ${CMAKE_BINARY_DIR}/x.sh)',
    'file(WRITE x.sh "y")\nexecute_process(COMMAND sh x.sh)',
    "execute_process(COMMAND bash tools/x.sh)",
    "execute_process(COMMAND ls OUTPUT_FILE ../../x)",
    "execute_process(COMMAND ls WORKING_DIRECTORY ${X})",
    "execute_process(COMMAND ls WORKING_DIRECTORY ../..)",
    "file(REMOVE_RECURSE ${CMAKE_SOURCE_DIR}/src)",
    "file(REMOVE ${X})",
    "file(RENAME a ../../b)",
    "file(COPY src DESTINATION ../../b)",
    "file(DOWNLOAD https://example.org/x x)",
    "file(READ .env X)",
    "file(ARCHIVE_EXTRACT INPUT x.tgz)",
    "configure_file(a.in ../../../x)",
    "include(tools/x.cmake)",
    "include(${CMAKE_CURRENT_LIST_DIR}/tools/x.cmake)",
    "include(${X}/x.cmake)",
    "include(/opt/x.cmake)",
    "include(tools/missing.cmake)",
    "list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/tools)\ninclude(x)",
    "set(CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/tools)\nfind_package(Y)",
    "list(APPEND CMAKE_MODULE_PATH /opt/x)",
    "list(APPEND CMAKE_PREFIX_PATH ${CMAKE_SOURCE_DIR}/x)",
    "set(Z_DIR ${CMAKE_SOURCE_DIR}/x)\nfind_package(Z)",
    "add_subdirectory(sub)",
    "add_subdirectory(${X})",
    "subdirs(sub)",
    "set(S src)\nfunction(f)\ninclude(${S}/ok.cmake)\nendfunction()\nset(S tools)\nf()",
    'cmake_language(EVAL CODE "x()")',
    "include(FetchContent)\nFetchContent_MakeAvailable(x)",
    "include(ExternalProject)\nExternalProject_Add(x BUILD_COMMAND y)",
    "set(CMAKE_CXX_COMPILER ./evil)",
    'set(CMAKE_CXX_COMPILE_OBJECT "git push")',
    "set(CMAKE_AR ./evil)",
    "set(CMAKE_USER_MAKE_RULES_OVERRIDE x.cmake)",
    "set(${X} ./evil)",
    "set(CMAKE_CXX_COMPILER_LAUNCHER ./evil)",
    "set_property(GLOBAL PROPERTY RULE_LAUNCH_COMPILE ./evil)",
    "set(CMAKE_TOOLCHAIN_FILE ./x.cmake)",
    'set(CMAKE_CXX_FLAGS "-fplugin=./x.so")',
    "add_compile_options(-fplugin=./x.so)",
    "set(ENV{PATH} tools)",
    "execute_process(COMMAND ls",
    'message("',
    "[[",
)
BESIDE = {
    "tools/x.sh": "git push --force\n",
    "tools/x.cmake": "execute_process(COMMAND git push --force)\n",
    "tools/FindY.cmake": "execute_process(COMMAND git push --force)\n",
    "tools/ok.cmake": "execute_process(COMMAND git push --force)\n",
    "src/ok.cmake": "message(x)\n",
    "sub/CMakeLists.txt": "execute_process(COMMAND git push --force)\n",
    "src/a.cc": "",
    ".env": "A=1\n",
}


@pytest.mark.parametrize("body", HIDDEN)
def test_what_is_hidden_or_cannot_be_told_is_asked_about(body: str, tmp_path: Path) -> None:
    for command in ("cmake -S . -B build", "cmake --build build"):
        assert ask(tmp_path, command, lists(body) | BESIDE).verdict.verdict is ASKS


@pytest.mark.parametrize(
    "body",
    [
        "add_custom_command(OUTPUT a COMMAND sh -c $<1:x> VERBATIM)",
        "add_custom_command(OUTPUT a COMMAND echo $(shell rm))",
        "add_custom_command(OUTPUT a COMMAND echo x > ../../y)",
        'add_custom_command(OUTPUT a COMMAND echo "a; git push")',
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E remove_directory ${CMAKE_SOURCE_DIR}/src)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E env A=1 git push)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E time git push)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E chdir src git push)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E env A=1 ${CMAKE_COMMAND} -E rm -rf ../src)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E copy a ../../../b)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -E tar xf x.tgz)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -P ${CMAKE_SOURCE_DIR}/tools/x.cmake)",
        "add_custom_target(x COMMAND ${CMAKE_COMMAND} -P made.cmake)",
        "add_custom_target(x COMMAND $<TARGET_FILE:evil>)\nadd_executable(evil IMPORTED)",
        "add_custom_command(OUTPUT a COMMAND git ARGS push --force)",
    ],
)
def test_custom_commands_that_go_beyond_are_asked_about(body: str, tmp_path: Path) -> None:
    assert ask(tmp_path, "cmake --build build", lists(body) | BESIDE).verdict.verdict is ASKS


ORDINARY = (
    "add_executable(app src/a.cc)\ntarget_link_libraries(app PRIVATE m)",
    "find_package(Git)\nexecute_process(COMMAND ${GIT_EXECUTABLE} describe --tags\n"
    "  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE V OUTPUT_STRIP_TRAILING_WHITESPACE)",
    "execute_process(COMMAND git rev-parse --short HEAD RESULT_VARIABLE r)",
    "include(GNUInstallDirs)\ninclude(CTest)\ninclude(local.cmake OPTIONAL)\nfind_package(Threads REQUIRED)",
    "enable_testing()\nadd_executable(t src/a.cc)\nadd_test(NAME t COMMAND t)\ninstall(TARGETS t)",
    "add_custom_command(OUTPUT g.h COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/gen.py -o g.h VERBATIM)",
    "add_custom_command(OUTPUT g.h COMMAND python3 ${CMAKE_SOURCE_DIR}/gen.py > g.h)",
    "add_executable(gen src/a.cc)\nadd_custom_command(OUTPUT g.h COMMAND gen g.h)",
    "add_executable(gen src/a.cc)\nadd_custom_command(OUTPUT g.h COMMAND $<TARGET_FILE:gen> g.h)",
    "add_executable(app src/a.cc)\nadd_custom_command(TARGET app POST_BUILD\n"
    "  COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_SOURCE_DIR}/src $<TARGET_FILE_DIR:app>/src\n"
    '  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/x COMMENT "copies; really")',
    "find_program(CLANG_FORMAT clang-format)\nadd_custom_target(format COMMAND ${CLANG_FORMAT} -i src/a.cc)",
    "set(CMAKE_CXX_COMPILER_LAUNCHER ccache)\nset(CMAKE_CXX_STANDARD 20)",
    "configure_file(src/a.in c.h)\nfile(GLOB S src/*.cc)\nfile(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/x)",
    "list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/cmake)\ninclude(Ok)\nadd_subdirectory(src)",
    "function(add_it name)\n  add_library(${name} ${ARGN})\nendfunction()\nadd_it(x src/a.cc)",
    'if(MSVC)\n  message(FATAL_ERROR "no ${CMAKE_SYSTEM_NAME} (yet)")\nendif()',
)


@pytest.mark.parametrize("body", ORDINARY)
def test_ordinary_projects_build_without_a_question(body: str, tmp_path: Path) -> None:
    files = lists(body) | {"cmake/Ok.cmake": "message(ok)\n", "src/CMakeLists.txt": "add_library(l a.cc)\n"}
    for command in (
        "cmake -S . -B build",
        "cmake --build build -j4",
        "cmake -S . -B build && cmake --build build",
    ):
        assert ask(tmp_path, command, files | {"src/a.cc": "", "src/a.in": ""}).verdict.verdict is ALLOWED


CACHE = "CMAKE_HOME_DIRECTORY:INTERNAL=@ROOT@/lib\nCMAKE_CXX_COMPILER:FILEPATH=/usr/bin/c++\n"


def test_a_build_folder_says_what_it_is_of(tmp_path: Path) -> None:
    files = {"out/CMakeCache.txt": CACHE, "lib/CMakeLists.txt": HEAD}
    assert ask(tmp_path, "cmake --build out", files).verdict.verdict is ALLOWED
    files["lib/CMakeLists.txt"] = HEAD + "execute_process(COMMAND git push --force)\n"
    for command in ("cmake --build out", "cmake out", "cd out && cmake --build .", "cd out && cmake ."):
        assert ask(tmp_path, command, files).verdict.verdict is ASKS


@pytest.mark.parametrize(
    "more",
    [
        {"out/CMakeCache.txt": CACHE + "CMAKE_MAKE_PROGRAM:FILEPATH=@ROOT@/evil\n"},
        {"out/CMakeCache.txt": CACHE + "CMAKE_CXX_COMPILER_LAUNCHER:STRING=./evil\n"},
        {"out/CMakeCache.txt": "CMAKE_HOME_DIRECTORY:INTERNAL=/opt/x\n"},
        {"out/CMakeCache.txt": "x\n"},
        {"out/CMakeCache.txt": "x" * 300_000},
        # Without an index that can be read, what lies there may be tracked: nobody's cmake made it.
        {".git/HEAD": "x", ".git/index": "y", "out/build.ninja": "rule x\n command = git push\n"},
    ],
)
def test_a_build_folder_that_others_made_is_asked_about(more: dict[str, str], tmp_path: Path) -> None:
    files = {"out/CMakeCache.txt": CACHE, "lib/CMakeLists.txt": HEAD, **more}
    assert ask(tmp_path, "cmake --build out", files).verdict.verdict is ASKS


def test_presets_that_name_programs_are_asked_about(tmp_path: Path) -> None:
    files = lists("") | {
        "CMakePresets.json": '{"version": 3, "configurePresets": [{"name": "a", "generator": "Ninja"}]}'
    }
    assert ask(tmp_path, "cmake --preset=a", files).verdict.verdict is ALLOWED
    files["CMakePresets.json"] = '{"configurePresets": [{"name": "a", "toolchainFile": "x"}]}'
    assert ask(tmp_path, "cmake --preset=a", files).verdict.verdict is ASKS


def test_files_that_were_just_written_are_asked_about(tmp_path: Path) -> None:
    files = lists("include(src/x.cmake)") | {"src/x.cmake": "message(x)\n"}
    assert ask(tmp_path, "cmake -B build", files).verdict.verdict is ALLOWED
    for first in ("cp src/y src/x.cmake", "cp src/y CMakeLists.txt", "git switch other"):
        assert ask(tmp_path, f"{first} && cmake -B build", files).verdict.verdict is ASKS


def test_values_that_grow_with_each_line_are_given_up(tmp_path: Path) -> None:
    grows = "set(A0 aaaaaaaaaa)\n" + "".join(f'set(A{n + 1} "${{A{n}}}${{A{n}}}")\n' for n in range(60))
    wide = "set(B " + "x" * 1_900 + ")\n" + f'set(C "{"${B}" * 400}")\n' * 2_000
    for body in (grows + "execute_process(COMMAND ${A60})", wide + "execute_process(COMMAND ls)"):
        assert ask(tmp_path, "cmake -B build", lists(body)).verdict.verdict is ASKS


def test_a_file_is_split_as_cmake_does() -> None:
    text = 'Set(X a;b "c d" e"f" [[g ${h}]] # x\n (i) "j\\"k\\\nl" \\${m})\nb()'
    commands, is_whole = split_cmake(text)
    assert is_whole
    assert [(item.name, item.line) for item in commands] == [("set", 1), ("b", 4)]
    words = ("X", "a", "b", "c d", "ef", "g \0{h}", "(", "i", ")", 'j"kl', "\0{m}")
    assert commands[0].words == words
    assert [isinstance(word, Quoted) for word in commands[0].words][:5] == [False, False, False, True, False]
    for text in (
        "a(",
        "a)",
        'a("',
        "a([[x)",
        "a b",
        '"a"()',
        "#[[",
        "(" * 50_000,
        "a(" + "b " * 30_000 + ")",
    ):
        assert split_cmake(text)[1] is False
