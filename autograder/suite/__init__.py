"""The test dialect: what a suite may say. A suite is plain pytest.

Its tests take ``student``, whose attributes are the student's functions, and ``rng``, a seeded generator;
``@pytest.mark.points(2)`` weighs a test and ``@pytest.mark.gate`` makes it one that earns nothing but guards the rest.
A test's docstring is the sentence that a student reads when it fails.

Suites import from here what each file lists in ``__all__``. `autograder.suite.runner` runs them, and is the only file
that imports pytest. Nothing here knows where the student's functions live, nor imports the jail.
"""

from autograder.suite.assertions import *
from autograder.suite.errors import *
from autograder.suite.inputs import *
from autograder.suite.loops import *
