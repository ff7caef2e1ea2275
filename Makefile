# bulkwatch: make, make check, make demo, make install. README.md says more.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
CC         ?= cc
BUILD      ?= build
OPT        ?= -O2 -g
SANITIZE   ?=
# Hardening as Debian builds its own packages; not under the sanitizers, which
# bring their own checks.
HARDEN     ?= $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
# make V=1 shows the whole commands.
Q          := $(if $(V),,@)
PYTHON     ?= /usr/bin/python3
SUDO       := $(if $(filter 0,$(shell id -u)),,sudo)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wconversion -Wpointer-arith -Wcast-qual -Wwrite-strings \
        -Wundef -Wvla -Werror

# One module of the code, one library: the third-party header of a folder is
# seen by that folder only (tests/lib/check-layers.sh).
SETTINGS_PC := libconfig
MAIL_PC     := gmime-3.0
JSON_PC     := jansson
STORE_PC    := sqlite3 libsodium
NOTIFY_PC   := libcurl
DAEMON_PC   := milter libsystemd
RECONCILE_PC := zlib
ALL_PC      := $(SETTINGS_PC) $(MAIL_PC) $(JSON_PC) $(STORE_PC) $(NOTIFY_PC) \
               $(DAEMON_PC) $(RECONCILE_PC)

# Which goals need the libraries, and so say clearly what is missing.
BUILDS := $(filter-out deps clean check check-asan check-man check-tsan \
          check-unit-file check-valgrind demo bench fuzz soak uninstall, \
          $(or $(MAKECMDGOALS),all))
ifneq ($(BUILDS),)
MISSING := $(shell for p in $(ALL_PC); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
ifneq ($(MISSING),)
$(error not found by pkg-config: $(MISSING). `make deps` installs the Debian packages that hold them)
endif
endif

CFLAGS_ALL  = -std=c11 -D_GNU_SOURCE $(OPT) $(SANITIZE) $(HARDEN) $(WARN) -fPIE \
              -Iinclude -DBULKWATCH_SYSCONFDIR='"$(SYSCONFDIR)"' $(CFLAGS)
LDFLAGS_ALL = $(SANITIZE) -pie -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)
pc_cflags   = $(shell pkg-config --cflags $(1) 2>/dev/null)
LIBS        = $(shell pkg-config --libs $(ALL_PC) 2>/dev/null) -lpthread

LAYERS  := base settings mail json policy store notify mta reconcile
LIB_SRC := $(foreach l,$(LAYERS),$(wildcard milter/$(l)/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) \
           $(if $(findstring thread,$(SANITIZE)),$(BUILD)/tests/lib/tsan.o)
DMN_SRC := $(filter-out milter/daemon/main.c,$(wildcard milter/daemon/*.c))
DMN_OBJ := $(DMN_SRC:%.c=$(BUILD)/%.o)
CTL_SRC := $(filter-out milter/ctl/main.c,$(wildcard milter/ctl/*.c))
CTL_OBJ := $(CTL_SRC:%.c=$(BUILD)/%.o)
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))

.PHONY: all deps check check-asan check-layers check-man check-tsan \
        check-unit-file check-valgrind unit demo bench fuzz fuzz-corpus soak \
        install uninstall clean
all: $(BUILD)/bulkwatchd $(BUILD)/bulkwatch

$(BUILD)/libbulkwatch.a: $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/bulkwatchd: $(BUILD)/milter/daemon/main.o $(DMN_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(BUILD)/bulkwatch: $(BUILD)/milter/ctl/main.o $(CTL_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/milter/settings/%.o: PC := $(SETTINGS_PC)
$(BUILD)/milter/mail/%.o:     PC := $(MAIL_PC)
$(BUILD)/milter/json/%.o:     PC := $(JSON_PC)
$(BUILD)/milter/store/%.o:    PC := $(STORE_PC)
$(BUILD)/milter/notify/%.o:   PC := $(NOTIFY_PC)
$(BUILD)/milter/daemon/%.o:   PC := $(DAEMON_PC)
$(BUILD)/milter/reconcile/%.o: PC := $(RECONCILE_PC)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(call pc_cflags,$(PC)) -MMD -MP -c -o $@ $<
-include $(shell find $(BUILD)/milter $(BUILD)/tests -name '*.d' 2>/dev/null)

# The texts of conf/templates are built in, for a settings file that has no
# templates beside it.
$(BUILD)/milter/settings/builtin.o: $(wildcard conf/templates/*/*.txt)

$(BUILD)/tests/%_test: $(BUILD)/tests/unit/%_test.o $(DMN_OBJ) $(CTL_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(shell pkg-config --libs cmocka)
$(BUILD)/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

unit: $(UNIT:=.run)
$(BUILD)/tests/%_test.run: $(BUILD)/tests/%_test FORCE
	@if $< > $<.log 2>&1; then \
	    printf '  TEST %-24s %s\n' $(@F:_test.run=) \
	        "$$(sed -n 's/^\[  PASSED  \] \(.*\) test(s).*/\1 passed/p' $<.log)"; \
	else cat $<.log; echo "failed: $<"; exit 1; fi
FORCE:

# --------------------------------------------------------------------- tests

# Installs the Debian packages that are missing; touches no mail system.
deps:
	@sh tests/lib/install-deps.sh

# What each layer may include, where a library's header may be seen, and that no
# two files define one name.
check-layers: $(LIB_OBJ) $(DMN_OBJ) $(CTL_OBJ)
	@sh tests/lib/check-layers.sh $^

MAN := milter/daemon/bulkwatchd.8 milter/ctl/bulkwatch.8 \
       milter/settings/bulkwatch.conf.5

check-man:
	@mandoc -Tlint -W warning $(MAN) && echo "man pages: no fault"

check-unit-file: systemd/bulkwatchd.service.in
	@sh tests/lib/check-exposure.sh $<

# Postfix's master wants root: the tests run their private one with sudo if
# they must. Four at a time, each with a Postfix of its own: they mostly wait.
# Most have to do with time, on a machine that does four things at once: what
# fails is tried once more, alone, and both are shown. What fails twice fails.
# $(1): the folder of the programs; $(2): tests, all of them if it is left out;
# $(3): environment.
PYTEST = $(PYTEST_ONCE) -n 4 || \
         { echo "once more, alone, what failed:"; $(PYTEST_ONCE) --lf --lfnf=none; }
PYTEST_ONCE = $(SUDO) env $(3) PYTHONDONTWRITEBYTECODE=1 BULKWATCHD=$(CURDIR)/$(1)/bulkwatchd \
         BULKWATCH=$(CURDIR)/$(1)/bulkwatch \
         $(PYTHON) -m pytest -q -o cache_dir=$(CURDIR)/build/pytest-$(notdir $(1)) \
         $(or $(2),tests/e2e tests/fault)

ASAN := SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
        OPT='-O1 -g' BUILD=build/asan

# Debian's Sendmail for the private one: unpacked, not installed.
FETCH_SENDMAIL = sh tests/lib/fetch-sendmail.sh build/sendmail

AGAIN = $(MAKE) --no-print-directory -j$(shell nproc) --output-sync=target

# One make after another: deps may bring what the next one needs.
check: deps
	@$(AGAIN) all
	@$(AGAIN) check-layers check-man check-unit-file
	@$(AGAIN) unit fuzz-corpus
	@$(FETCH_SENDMAIL)
	$(call PYTEST,build)
	@$(MAKE) --no-print-directory check-asan
	@echo "make check: all passed"

check-asan: deps
	@$(AGAIN) $(ASAN) all
	@ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lib/lsan.supp:print_suppressions=0 \
	  $(AGAIN) $(ASAN) unit fuzz-corpus
	@$(FETCH_SENDMAIL)
	$(call PYTEST,build/asan)

# The two below take minutes, and are no part of check.

# Data races. gcc's and clang's tools know what the libraries do to memory only
# where they call libc: tests/lib/tsan.supp.
TSAN := SANITIZE='-fsanitize=thread -fno-omit-frame-pointer' OPT='-O1 -g' BUILD=build/tsan
TSAN_SUPP := $(CURDIR)/build/tsan/suppressions
# Some unit tests have standard error for themselves: it writes into files.
TSAN_LOG := $(CURDIR)/build/tsan/found
TSAN_E2E := $(addprefix tests/e2e/test_,actions.py alerts.py counting.py failure.py hostile.py settings.py) \
            tests/fault/test_protocol.py
check-tsan: deps
	@$(AGAIN) $(TSAN) all
	@rm -f $(TSAN_LOG).*
	@TSAN_OPTIONS=suppressions=$(CURDIR)/tests/lib/tsan.supp:log_path=$(TSAN_LOG) \
	  $(AGAIN) $(TSAN) unit || { cat $(TSAN_LOG).*; exit 1; }
	@cat tests/lib/tsan.supp tests/lib/tsan-libmilter.supp > $(TSAN_SUPP)
	$(call PYTEST,build/tsan,$(TSAN_E2E),TSAN_OPTIONS=suppressions=$(TSAN_SUPP))

# Memory that is read before it is written, which no sanitizer of gcc's finds.
# Not the log's tests: it drops a line that is not taken within a fraction of a
# second, and memcheck is slower than that. Nor those that start programs: this
# valgrind does not know close_range(2).
VALGRIND_UNIT := $(filter-out %/log_test %/run_test,$(UNIT))
VALGRIND_E2E := $(addprefix tests/e2e/test_,evidence.py hostile.py)
check-valgrind: deps
	@sh tests/lib/install-deps.sh valgrind
	@$(AGAIN) all
	@$(AGAIN) $(VALGRIND_UNIT:=.valgrind)
	$(call PYTEST,tests/lib/valgrind,$(VALGRIND_E2E),BULKWATCH_BUILD=$(CURDIR)/build BULKWATCH_SLOWNESS=10)
$(BUILD)/tests/%_test.valgrind: $(BUILD)/tests/%_test FORCE
	@if tests/lib/valgrind/run $< > $@.log 2>&1; then \
	    printf '  VALGRIND %-24s %s\n' $(@F:_test.valgrind=) \
	        "$$(sed -n 's/^\[  PASSED  \] \(.*\) test(s).*/\1 passed/p' $@.log)"; \
	else cat $@.log; echo "failed under valgrind: $<"; exit 1; fi

demo: deps
	@$(AGAIN) all
	@$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/demo.py

# ---------------------------------------------------------------------- soak

# Mixed mail, kills and restarts for so many minutes, then Postfix's log beside
# the ledger: the difference must be zero. And what of tests/fault takes long.
MINUTES ?= 10
SOAK_ENV = $(SUDO) env PYTHONDONTWRITEBYTECODE=1 BULKWATCH_LONG=1 \
           BULKWATCHD=$(CURDIR)/$(BUILD)/bulkwatchd \
           BULKWATCH=$(CURDIR)/$(BUILD)/bulkwatch $(PYTHON)
soak: deps
	@$(AGAIN) all
	$(SOAK_ENV) tests/soak.py --minutes $(MINUTES) $(SOAK)
	$(SOAK_ENV) -m pytest -q -p no:cacheprovider tests/fault

# ---------------------------------------------------------------------- fuzz

FUZZ     := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
SECONDS  ?= 60
# libFuzzer brings its own main.
FUZZ_OBJ  = $(BUILD)/tests/fuzz/fuzz.o \
            $(if $(FUZZER),,$(BUILD)/tests/fuzz/run_corpus.o)
# The session's harness plays the recorder, and counts references to settings.
$(BUILD)/fuzz/session: LDFLAGS += \
    -Wl,--wrap=recorder_record,--wrap=recorder_call_in_time,--wrap=settings_unref

$(BUILD)/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(FUZZ_OBJ) $(DMN_OBJ) $(CTL_OBJ) $(BUILD)/libbulkwatch.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(FUZZER) -o $@ $^ $(LIBS)

# Else make takes them for steps on the way and removes them.
.PRECIOUS: $(BUILD)/tests/fuzz/%.o $(BUILD)/fuzz/% $(BUILD)/tests/unit/%.o \
           $(BUILD)/tests/%_test

# Each input of tests/fuzz/corpus once, in a second or two.
fuzz-corpus: $(FUZZ:%=$(BUILD)/fuzz/%.corpus)
$(BUILD)/fuzz/%.corpus: $(BUILD)/fuzz/% FORCE
	@if $< tests/fuzz/corpus/$* > $@.log 2>&1; then \
	    printf '  FUZZ %-10s %s\n' $* "$$(tail -n 1 $@.log)"; \
	else cat $@.log; echo "failed: $<, on the last input named above"; exit 1; fi

# libFuzzer, SECONDS for each harness; tests/fuzz/README.md.
FUZZING := CC=clang BUILD=build/clang OPT='-O1 -g' WARN=-Wall \
           SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
           FUZZER=-fsanitize=fuzzer
fuzz: deps
	@sh tests/lib/install-deps.sh $(FUZZ_DEPS)
	@$(AGAIN) $(FUZZING) $(FUZZ:%=build/clang/fuzz/%)
	@$(AGAIN) --keep-going $(FUZZING) $(FUZZ:%=fuzz-%)
$(FUZZ:%=fuzz-%): fuzz-%: FORCE
	@sh tests/fuzz/fuzz.sh $(BUILD)/fuzz $* $(SECONDS)
FUZZ_DEPS := clang libclang-rt-14-dev

# --------------------------------------------------------------------- bench

$(BUILD)/bench/noop: tests/bench/noop.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(shell pkg-config --libs milter) -lpthread
$(BUILD)/bench/milterload: $(addprefix tests/bench/,milterload.c session.c mail.c tally.c) \
        $(addprefix tests/bench/,session.h mail.h tally.h) \
        $(addprefix milter/mta/,wire.c wire.h)
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) -Imilter/mta $(LDFLAGS_ALL) -o $@ $(filter %.c,$^)

# Writes tests/bench/RESULTS.md; takes about 20 minutes on two cores.
bench: deps
	@$(AGAIN) all $(BUILD)/bench/noop $(BUILD)/bench/milterload
	$(SUDO) $(PYTHON) tests/bench/bench.py $(BENCH)

# ------------------------------------------------------------------- install

SBINDIR     := $(PREFIX)/sbin
BINDIR      := $(PREFIX)/bin
MANDIR      := $(PREFIX)/share/man
CONFDIR     := $(SYSCONFDIR)/bulkwatch
UNITDIR     := $(PREFIX)/lib/systemd/system
SYSUSERSDIR := $(PREFIX)/lib/sysusers.d
TMPFILESDIR := $(PREFIX)/lib/tmpfiles.d

# Settings and templates that are there already are an admin's: kept.
install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(UNITDIR) \
	    $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR) \
	    $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(CONFDIR)/templates/vi $(DESTDIR)$(CONFDIR)/templates/en
	install -m 755 $(BUILD)/bulkwatchd $(DESTDIR)$(SBINDIR)
	install -m 755 $(BUILD)/bulkwatch $(DESTDIR)$(BINDIR)
	for m in $(MAN); do \
	    install -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}; done
	sed 's|@SBINDIR@|$(SBINDIR)|' systemd/bulkwatchd.service.in \
	    > $(DESTDIR)$(UNITDIR)/bulkwatchd.service
	install -m 644 systemd/bulkwatch.sysusers $(DESTDIR)$(SYSUSERSDIR)/bulkwatch.conf
	install -m 644 systemd/bulkwatch.tmpfiles $(DESTDIR)$(TMPFILESDIR)/bulkwatch.conf
	cd conf && for f in bulkwatch.conf templates/*/*.txt; do \
	    test -e $(DESTDIR)$(CONFDIR)/$$f || \
	    install -m 644 $$f $(DESTDIR)$(CONFDIR)/$$f; done

# Leaves settings, database and spool: they are the office's.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/bulkwatchd $(DESTDIR)$(BINDIR)/bulkwatch \
	    $(DESTDIR)$(UNITDIR)/bulkwatchd.service \
	    $(DESTDIR)$(SYSUSERSDIR)/bulkwatch.conf \
	    $(DESTDIR)$(TMPFILESDIR)/bulkwatch.conf
	for m in $(MAN); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	@for f in postfix/main.cf postfix/master.cf mail/sendmail.cf; do \
	    f=$(DESTDIR)$(SYSCONFDIR)/$$f; \
	    if grep -qs '^[^#]*[:/]bulkwatch/' $$f; then \
	        echo "$$f still names bulkwatch's socket: take it out of the milters" \
	            "(for sendmail.cf in sendmail.mc), then reload the mail server"; fi; done

# What the tests noted as root is root's.
clean:
	rm -rf build 2>/dev/null || $(SUDO) rm -rf build
